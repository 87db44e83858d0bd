// Input that cannot be used, as errors that say what to do about it.

export class BadInput extends Error {
  readonly exit = 1;
  readonly todo: string;

  constructor(message: string, todo: string, options?: ErrorOptions) {
    super(message, options);
    this.todo = todo;
  }
}

/** A row that is wrong, and why. */
export interface RowProblem {
  readonly line: number;
  readonly reason: string;
}

/** Rows are wrong, and nothing was imported. */
export class BadRows extends Error {
  /** The first ones. */
  readonly problems: readonly RowProblem[];
  readonly count: number;

  constructor(problems: readonly RowProblem[], count: number) {
    super(`${count} ${count === 1 ? 'row is' : 'rows are'} wrong`);
    this.problems = problems;
    this.count = count;
  }
}
