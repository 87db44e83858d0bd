// The database as the stores see it: reads of what is committed, and transactions that write. The same SQL runs on SQLite
// and MariaDB; the few words in which they differ are here.

import { type DataSource, QueryFailedError } from 'typeorm';

/** An open database. SQL has `?` for its values; what a person typed is always a value, never part of the text. */
export interface Database {
  readonly kind: 'sqlite' | 'mariadb';
  /** For logs and people: the file, or `mariadb://HOST:PORT/DATABASE`. */
  readonly place: string;
  readonly words: Words;
  /** TypeORM's own connection, for migrations and its schema builder. */
  readonly dataSource: DataSource;
  /**
   * Rows of what is committed. Rejects with {@link DatabaseUnavailable} where the database is away, too slow or full.
   * Each call costs about 13 us of CPU on SQLite, 60 on MariaDB.
   */
  query<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /**
   * Runs `work` in a transaction: all of it or nothing. On SQLite there is one at a time over all processes, and the others
   * wait for their turn without holding up anything else. `work` is run again after a deadlock, so it changes nothing but
   * the database; it does no slow thing meanwhile.
   */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** A transaction that is open. */
export interface Transaction {
  query<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** INSERT, UPDATE, DELETE. */
  run(sql: string, values?: readonly Value[]): Promise<Changes>;
}

export type Value = string | number | boolean | Uint8Array | null;

export interface Changes {
  /** Rows that were inserted, deleted, or matched by an UPDATE. */
  readonly rows: number;
  /** The id that the database gave to the inserted row. */
  readonly id: number;
}

/** Where the two databases need different words. */
export interface Words {
  /** An INSERT that leaves a row that is there already as it is, and says 0 rows. */
  readonly insertOrIgnore: string;
  /** Between `INSERT ... VALUES (...)` and `column = expression, ...`: updates the row with the same `key` instead. */
  onConflictUpdate(key: string): string;
  /** In such an expression: what would have been inserted. */
  inserted(column: string): string;
}

export const WORDS: Readonly<Record<Database['kind'], Words>> = {
  sqlite: {
    insertOrIgnore: 'INSERT OR IGNORE INTO',
    onConflictUpdate: (key) => `ON CONFLICT (${key}) DO UPDATE SET`,
    inserted: (column) => `excluded.${column}`,
  },
  mariadb: {
    insertOrIgnore: 'INSERT IGNORE INTO',
    onConflictUpdate: () => 'ON DUPLICATE KEY UPDATE',
    inserted: (column) => `VALUES(${column})`,
  },
};

/** The database cannot answer now: it is away, too slow, locked or full. Answered with 503; the caller may try again. */
export class DatabaseUnavailable extends Error {
  readonly statusCode = 503;
  readonly retryAfter = 2;

  /** `reason` is for the log; a client is not told. */
  constructor(reason: string, options?: ErrorOptions) {
    super(`the database cannot answer: ${reason}`, options);
  }
}

/**
 * What a statement failed with, for the log: its text without its values, which TypeORM and the drivers put into theirs, and
 * there are passwords and tokens among them.
 */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof QueryFailedError)) return error;
  const { code } = error.driverError as { code?: string };
  const { message, query } = error;
  return Object.assign(new Error(message), { code, sql: query.replace(/\s+/g, ' ').slice(0, 500) });
}

/** A unique key is taken, or a row that is referred to is missing. Which statement it was, its caller knows. */
export class ConstraintViolated extends Error {
  readonly constraint: 'unique' | 'reference';

  constructor(constraint: 'unique' | 'reference', options?: ErrorOptions) {
    super(`the database refused it: ${constraint}`, options);
    this.constraint = constraint;
  }
}
