// Input that cannot be used, as an error that says what to do about it.

export class BadInput extends Error {
  readonly exit = 1;
  readonly todo: string;

  constructor(message: string, todo: string, options?: ErrorOptions) {
    super(message, options);
    this.todo = todo;
  }
}
