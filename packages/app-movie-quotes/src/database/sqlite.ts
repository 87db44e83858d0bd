// SQLite, embedded: one connection that reads and one that writes, so that a reader never sees half of a transaction of its
// own process. Any number of processes share the file (WAL); one of them writes at a time.

import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import Sqlite from 'libsql';
import { DataSource, QueryFailedError, type QueryRunner } from 'typeorm';
import type { SqliteConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import {
  type Changes,
  ConstraintViolated,
  type Database,
  DatabaseUnavailable,
  type Transaction,
  type Value,
  WORDS,
  withoutValues,
} from './database.ts';
import { ENTITIES } from './entities.ts';
import { checkFile, notADatabase } from './file.ts';
import { refuseNewer } from './migrate.ts';
import { MIGRATIONS, MIGRATIONS_TABLE } from './migrations/index.ts';
import { QueryLog } from './query-log.ts';

/** Opens the file; its schema is as it was. Throws an `MQ_ERR_DATABASE_*` that says what to do; then nothing stays open. */
export async function openSqlite(config: SqliteConfig, log: FastifyBaseLogger): Promise<Database> {
  await checkFile(config);
  const reader = createDataSource(config, log);
  const writer = createDataSource(config, log);
  try {
    // One after the other: the first may have to turn the file to WAL.
    await reader.initialize();
    await writer.initialize();
    // From here on nobody sleeps for a lock. Readers need one for moments alone, as after a crash.
    await reader.query('PRAGMA busy_timeout = 50');
    await writer.query('PRAGMA busy_timeout = 0');
  } catch (error) {
    for (const dataSource of [reader, writer]) if (dataSource.isInitialized) await dataSource.destroy();
    throw explain(error, config);
  }
  return new SqliteDatabase(config, reader, writer);
}

class SqliteDatabase implements Database {
  readonly kind = 'sqlite';
  readonly words = WORDS.sqlite;
  readonly place: string;
  readonly dataSource: DataSource;
  readonly #config: SqliteConfig;
  readonly #reader: DataSource;
  readonly #runner: QueryRunner;
  readonly #inode: bigint | undefined;
  /** The end of this process's queue of transactions. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(config: SqliteConfig, reader: DataSource, writer: DataSource) {
    this.place = config.file;
    this.#config = config;
    this.#reader = reader;
    this.dataSource = writer;
    this.#runner = writer.createQueryRunner();
    this.#inode = inodeOf(config.file);
  }

  async query<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    try {
      return await this.#reader.query(sql, values as Value[]);
    } catch (error) {
      throw failure(error);
    }
  }

  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const end = performance.now() + this.#config.timeout;
    const done = this.#last.then(() => this.#transact(work, end));
    this.#last = done.catch(() => {});
    return done;
  }

  async #transact<Result>(work: (transaction: Transaction) => Promise<Result>, end: number): Promise<Result> {
    const runner = this.#runner;
    await this.#begin(end);
    try {
      const result = await work({
        query: (sql, values) => ask(runner, sql, values),
        run: (sql, values) => run(runner, sql, values),
      });
      await runner.query('COMMIT');
      return result;
    } catch (error) {
      await runner.query('ROLLBACK').catch(() => {}); // SQLite may have rolled back already; the first error counts.
      throw failure(error);
    }
  }

  /**
   * IMMEDIATE takes the write lock now: a transaction that begins as a reader fails where it turns into a writer. SQLite
   * waits for a lock by sleeping, and everything else in this process with it; so it is asked again and again instead, until
   * `end`, for which the time in this process's own queue counts as well.
   */
  async #begin(end: number): Promise<void> {
    // SQLite writes on to a file that was removed or replaced, where nobody would find it again.
    if (inodeOf(this.#config.file) !== this.#inode) throw new DatabaseUnavailable('its file was removed or replaced');
    for (;;) {
      try {
        await this.#runner.query('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        if (!isBusy(codeOf(error)) || performance.now() >= end) throw failure(error);
        await delay(1 + Math.random() * 10);
      }
    }
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#reader.destroy();
    await this.dataSource.destroy();
  }
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
}

async function ask<Row>(runner: QueryRunner, sql: string, values: readonly Value[] = []): Promise<Row[]> {
  try {
    return await runner.query(sql, values as Value[]);
  } catch (error) {
    throw failure(error);
  }
}

async function run(runner: QueryRunner, sql: string, values: readonly Value[] = []): Promise<Changes> {
  try {
    const { affected, raw } = await runner.query(sql, values as Value[], true);
    return { rows: affected ?? 0, id: Number(raw) };
  } catch (error) {
    throw failure(error);
  }
}

function createDataSource({ file, timeout, slow }: SqliteConfig, log: FastifyBaseLogger): DataSource {
  return new DataSource({
    type: 'better-sqlite3',
    // libsql has better-sqlite3's interface and comes compiled for every platform that Node runs on.
    driver: Sqlite,
    database: file,
    timeout,
    entities: ENTITIES,
    migrations: [...MIGRATIONS],
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    logger: new QueryLog(log),
    ...(slow > 0 && { maxQueryExecutionTime: slow }),
    prepareDatabase(connection: Sqlite.Database) {
      try {
        // Before anything is written, the switch to WAL included: another program's database stays as it was.
        refuseForeign(connection, file);
        // Readers and a writer do not wait for each other, over any number of processes.
        connection.pragma('journal_mode = WAL');
        // With WAL this loses at most the last commits when the machine loses power, and never the file's integrity.
        connection.pragma('synchronous = NORMAL');
      } catch (error) {
        connection.close();
        throw error;
      }
    },
  });
}

/** Throws when the file has tables and they are not ours, or those of a newer version. */
function refuseForeign(connection: Sqlite.Database, file: string): void {
  const tables = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
  if (tables.length === 0) return;
  const foreign = new StartError('MQ_ERR_DATABASE_FORMAT', { file, problem: 'belongs to another program' });
  if (!tables.some(({ name }) => name === MIGRATIONS_TABLE)) throw foreign;
  const rows = connection.prepare(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`).all() as { name: string }[];
  if (rows.length > 0 && rows[0]?.name !== new (MIGRATIONS[0] as (typeof MIGRATIONS)[number])().name) throw foreign;
  refuseNewer(
    file,
    rows.map(({ name }) => name),
  );
}

function codeOf(error: unknown): string {
  const cause = error instanceof QueryFailedError ? error.driverError : error;
  return (cause as { code?: string } | null)?.code ?? '';
}

function isBusy(code: string): boolean {
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}

/** What a statement failed with, in the words of the port. */
function failure(error: unknown): unknown {
  const code = codeOf(error);
  const cause = withoutValues(error);
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new ConstraintViolated('unique', { cause });
  }
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return new ConstraintViolated('reference', { cause });
  if (isBusy(code)) return new DatabaseUnavailable('another process holds it', { cause });
  if (code === 'SQLITE_FULL') return new DatabaseUnavailable('the disk is full', { cause });
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN')) {
    return new DatabaseUnavailable(`the disk fails (${code})`, { cause });
  }
  return cause;
}

/** SQLite's error at the start as one of ours; an error that is no error of the database stays what it is. */
export function explain(error: unknown, { file, timeout }: SqliteConfig): unknown {
  if (error instanceof StartError) return error;
  const thrown = error instanceof DatabaseUnavailable ? error.cause : error;
  const cause = thrown instanceof QueryFailedError ? thrown.driverError : thrown;
  const { code, message } = cause as { code?: string; message: string };
  if (code !== undefined && isBusy(code)) {
    return new StartError('MQ_ERR_DATABASE_LOCKED', { file, ms: timeout }, { cause });
  }
  if (code === 'SQLITE_NOTADB') return notADatabase(file, cause);
  if (code?.startsWith('SQLITE_READONLY')) {
    return new StartError('MQ_ERR_DATABASE_ACCESS', { file, reason: code }, { cause });
  }
  // What happens in sqlite3_open comes without a code, and with its number at the end of the message.
  if (code?.startsWith('SQLITE_') || message.startsWith('ConnectionFailed')) {
    return new StartError('MQ_ERR_DATABASE', { file, reason: code || 'SQLITE_CANTOPEN' }, { cause });
  }
  return error;
}
