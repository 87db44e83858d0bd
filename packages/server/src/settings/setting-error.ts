// A wrong setting: what is wrong, and what it takes.

/** Ends the program with exit status 2. */
export class SettingError extends Error {
  readonly exit = 2;
  readonly todo: string;

  constructor(message: string, todo: string, options?: ErrorOptions) {
    super(message, options);
    this.todo = todo;
  }

  override get name(): string {
    return 'SettingError';
  }
}
