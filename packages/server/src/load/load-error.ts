// An application that cannot be loaded: what was looked for, what was found, what to do.

/** Ends a first start with exit status 3, or 2 where the setting itself is malformed. */
export class LoadError extends Error {
  readonly exit: 2 | 3;
  readonly todo: string;

  constructor(message: string, todo: string, options: ErrorOptions & { readonly exit?: 2 | 3 } = {}) {
    super(message, options);
    this.exit = options.exit ?? 3;
    this.todo = todo;
  }

  override get name(): string {
    return 'LoadError';
  }
}
