// Every error that keeps the application from starting, in one table: what it means, and what to do about it.

/** One row of the table. `{name}` in a text is filled from the details given to {@link StartError}. */
interface ErrorEntry {
  /** The exit status of the process that stops because of it. */
  readonly exit: number;
  readonly text: string;
  /** What the reader can do about it. */
  readonly todo: string;
}

/** The error table, by code. */
export const START_ERRORS = {
  MQ_ERR_CONFIG: {
    exit: 2,
    text: '{problem}',
    todo: 'correct it in the environment or in .env',
  },
  MQ_ERR_DATABASE_FOLDER: {
    exit: 3,
    text: 'the folder of the database "{file}" {problem}',
    todo: '{todo}, or choose another file with DATABASE_FILE',
  },
  MQ_ERR_DATABASE_ACCESS: {
    exit: 3,
    text: 'the database "{file}" cannot be read and written ({reason})',
    todo: 'give the user of this process read and write permission, or choose another file with DATABASE_FILE',
  },
  MQ_ERR_DATABASE_FORMAT: {
    exit: 3,
    text: 'the database "{file}" {problem}',
    todo: 'choose another file with DATABASE_FILE; this one was left as it is',
  },
  MQ_ERR_DATABASE_NEWER: {
    exit: 3,
    text: 'the database "{place}" was written by a newer version of Movie Quotes (it has the migration {migration})',
    todo: 'run that version or a later one, or choose another database with DATABASE_FILE or DATABASE_URL',
  },
  MQ_ERR_DATABASE_LOCKED: {
    exit: 3,
    text: 'the database "{file}" is locked by another process (waited {ms} ms)',
    todo: 'end the process that holds it, or raise DATABASE_TIMEOUT',
  },
  MQ_ERR_DATABASE: {
    exit: 3,
    text: 'the database "{file}" cannot be opened ({reason})',
    todo: 'check the disk and the file, or choose another file with DATABASE_FILE',
  },
  MQ_ERR_DATABASE_AWAY: {
    exit: 3,
    text: 'the database {place} is away (waited {seconds} s; {reason})',
    todo: 'start it, correct DATABASE_URL, or raise DATABASE_WAIT',
  },
  MQ_ERR_DATABASE_MIGRATING: {
    exit: 3,
    text: 'the database {place} is being migrated by another process (waited {seconds} s)',
    todo: 'let it finish, or raise DATABASE_WAIT',
  },
  MQ_ERR_DATABASE_RESTORING: {
    exit: 3,
    text: 'a backup is being restored to the database {place}, or was not to its end',
    todo: 'let it finish, or restore the backup again with --force',
  },
  MQ_ERR_DATABASE_REFUSED: {
    exit: 3,
    text: 'the database {place} refused the connection: {reason}',
    todo: 'correct DATABASE_URL or DATABASE_PASSWORD',
  },
} as const satisfies Record<string, ErrorEntry>;

/** A code of the error table. */
export type StartErrorCode = keyof typeof START_ERRORS;

/** An error of the table. `message` says what happened; `todo` says what to do. */
export class StartError extends Error {
  readonly code: StartErrorCode;
  readonly exit: number;
  readonly todo: string;

  constructor(code: StartErrorCode, details: Readonly<Record<string, string | number>>, options?: ErrorOptions) {
    const entry = START_ERRORS[code];
    const fill = (text: string): string => text.replace(/\{(\w+)\}/g, (brace, name) => String(details[name] ?? brace));
    super(fill(entry.text), options);
    this.code = code;
    this.exit = entry.exit;
    this.todo = fill(entry.todo);
  }

  override get name(): string {
    return 'StartError';
  }
}
