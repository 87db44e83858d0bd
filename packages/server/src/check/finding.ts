// What a check found: a line for its reader, and what it means for the exit status.

/** How one check went. */
export interface Finding {
  /** What was looked at: `bind 127.0.0.1:8000`. */
  readonly what: string;
  /** A warning lets the server start. */
  readonly state: 'ok' | 'warning' | 'failed';
  readonly text: string;
  /** What to do; `''` where it is well. */
  readonly todo: string;
  /** More lines, such as the stack of the application's own error. */
  readonly detail: string;
  /** The exit status of `tsgi serve` with this; 0 unless it failed. */
  readonly exit: 0 | 2 | 3;
}

export function ok(what: string, text: string): Finding {
  return { what, state: 'ok', text, todo: '', detail: '', exit: 0 };
}

export function warning(what: string, text: string, todo: string): Finding {
  return { what, state: 'warning', text, todo, detail: '', exit: 0 };
}

export function failed(
  what: string,
  text: string,
  todo: string,
  more: { exit?: 2 | 3; detail?: string } = {},
): Finding {
  return { what, state: 'failed', text, todo, detail: more.detail ?? '', exit: more.exit ?? 2 };
}

/** What an error says of itself, where it was made for an operator. */
export function failure(what: string, error: unknown): Finding {
  const { message, todo = '' } = error as Error & { todo?: string };
  return failed(what, message, todo);
}
