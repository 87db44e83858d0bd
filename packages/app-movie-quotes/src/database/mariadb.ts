// MariaDB: a pool of connections for each process.

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { createPool as createMysqlPool, type Pool, type PoolConnection, type PoolOptions } from 'mysql2';
import { DataSource, QueryFailedError, type QueryRunner } from 'typeorm';
import type { MariadbConfig } from '../config/config.ts';
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
import { MIGRATIONS, MIGRATIONS_TABLE } from './migrations/index.ts';
import { QueryLog } from './query-log.ts';

/** Milliseconds by which the server may be late with the news that a statement took too long. */
const GRACE = 500;

/** Milliseconds for the goodbyes of all connections. */
const GOODBYE = 1000;

/**
 * Connects; the schema is as it was. Waits up to `config.wait` seconds for a server that is away, with a line that says so,
 * and then throws `MQ_ERR_DATABASE_AWAY`; an answer that waiting does not change (a wrong password) is thrown at once.
 */
export async function openMariadb(config: MariadbConfig, log: FastifyBaseLogger): Promise<Database> {
  const place = `mariadb://${config.host}:${config.port}/${config.database}`;
  const end = performance.now() + config.wait * 1000;
  for (let pause = 250; ; pause = Math.min(pause * 2, 5000)) {
    const dataSource = createDataSource(config, log);
    try {
      await dataSource.initialize();
      return new MariadbDatabase(place, dataSource, limitOf(config));
    } catch (error) {
      if (dataSource.isInitialized) await dataSource.destroy();
      const { code = '', message } = error as MysqlError;
      if (!AWAY.has(code))
        throw new StartError('MQ_ERR_DATABASE_REFUSED', { place, reason: message }, { cause: error });
      const left = end - performance.now();
      if (left <= 0) {
        throw new StartError('MQ_ERR_DATABASE_AWAY', { place, reason: code, seconds: config.wait }, { cause: error });
      }
      log.warn({ place, code }, `waiting for the database ${place}, for ${Math.ceil(left / 1000)} s more (${code})`);
      await delay(Math.min(pause, left));
    }
  }
}

class MariadbDatabase implements Database {
  readonly kind = 'mariadb';
  readonly words = WORDS.mariadb;
  readonly place: string;
  readonly dataSource: DataSource;
  readonly #limit: number;

  constructor(place: string, dataSource: DataSource, limit: number) {
    this.place = place;
    this.dataSource = dataSource;
    this.#limit = limit;
  }

  async query<Row>(sql: string, values?: readonly Value[]): Promise<Row[]> {
    const session = await this.#session();
    try {
      return await session.query(sql, values);
    } finally {
      session.release();
    }
  }

  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const end = performance.now() + this.#limit;
    for (let attempt = 1; ; attempt++) {
      const session = await this.#session();
      try {
        await session.query('START TRANSACTION');
        const result = await work(session);
        // Where the answer to this one is lost, nobody knows what became of the transaction, and its caller is told that it
        // failed: done is only what was answered.
        await session.query('COMMIT');
        return result;
      } catch (error) {
        await session.rollBack();
        if (!isDeadlock(error) || performance.now() >= end) throw error;
      } finally {
        session.release();
      }
      // The others that it was locked with go first, whoever they are.
      await delay(Math.random() * Math.min(20 * attempt, 200));
    }
  }

  async close(): Promise<void> {
    const { pool } = this.dataSource.driver as unknown as { pool: BoundedPool };
    // Says goodbye on each connection, and waits for one that has an answer due: not for ever.
    await Promise.race([this.dataSource.destroy(), delay(GOODBYE, undefined, { ref: false })]);
    for (const connection of pool.connections) connection.destroy();
  }

  #session(): Promise<Session> {
    return Session.take(this.dataSource.createQueryRunner(), this.#limit);
  }
}

/** A connection that was taken from the pool. Every answer has a limit, whatever the server does or does not do. */
class Session implements Transaction {
  readonly #runner: QueryRunner;
  readonly #connection: PoolConnection;
  readonly #limit: number;
  #lost = false;

  private constructor(runner: QueryRunner, connection: PoolConnection, limit: number) {
    this.#runner = runner;
    this.#connection = connection;
    this.#limit = limit;
  }

  static async take(runner: QueryRunner, limit: number): Promise<Session> {
    const taken: Promise<PoolConnection> = runner.connect();
    try {
      const connection = await within(limit, taken, 'no connection was to be had', () => {
        taken.then(
          () => runner.release(),
          () => {},
        );
      });
      return new Session(runner, connection, limit);
    } catch (error) {
      throw failure(error);
    }
  }

  query<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.#ask(() => this.#runner.query(sql, values as Value[]));
  }

  async run(sql: string, values: readonly Value[] = []): Promise<Changes> {
    const { affected, raw } = await this.#ask(() => this.#runner.query(sql, values as Value[], true));
    return { rows: affected ?? 0, id: Number((raw as { insertId?: number } | undefined)?.insertId ?? 0) };
  }

  /** Ends the transaction without a trace of it; a connection that cannot do so takes it with itself. */
  async rollBack(): Promise<void> {
    if (!this.#lost) await this.query('ROLLBACK').catch(() => this.#lose());
  }

  release(): void {
    if (!this.#lost) void this.#runner.release();
  }

  async #ask<Answer>(query: () => Promise<Answer>): Promise<Answer> {
    if (this.#lost) throw new DatabaseUnavailable('the connection is lost');
    try {
      return await within(this.#limit + GRACE, query(), 'it does not answer', () => this.#lose());
    } catch (error) {
      throw failure(error);
    }
  }

  /** The next query would get the answer that is still due to this one. */
  #lose(): void {
    this.#lost = true;
    this.#connection.destroy();
  }
}

/** Waits for `answer`, and after `ms` for it no longer: `late` is called then, and its later fate is nobody's. */
async function within<T>(ms: number, answer: Promise<T>, problem: string, late: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late();
      reject(new DatabaseUnavailable(`${problem} (waited ${ms} ms)`));
    }, ms);
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
}

interface BoundedPool extends Pool {
  /** Those that are open. */
  readonly connections: Set<PoolConnection>;
}

/** mysql2's pool, of connections that are set up before their first query. */
function createPool(options: PoolOptions, limit: number): BoundedPool {
  const connections = new Set<PoolConnection>();
  const pool = Object.assign(createMysqlPool(options), { connections });
  pool.on('connection', (connection) => {
    connections.add(connection);
    const { stream } = connection as unknown as { stream: Socket };
    stream.once('close', () => connections.delete(connection));
    // mysql2 listens for one error of a connection; the next would end the process.
    connection.on('error', () => {});
    for (const statement of SETUP(limit)) {
      connection.query(statement, (error) => {
        if (error) connection.destroy();
      });
    }
  });
  return pool;
}

function createDataSource(config: MariadbConfig, log: FastifyBaseLogger): DataSource {
  const { host, port, user, password, database, pool, slow } = config;
  const limit = limitOf(config);
  return new DataSource({
    type: 'mariadb',
    driver: { createPool: (options: PoolOptions) => createPool(options, limit) },
    host,
    port,
    username: user,
    password,
    database,
    charset: 'utf8mb4_bin',
    connectTimeout: limit,
    poolSize: pool,
    // Numbers as numbers: COUNT is a bigint, and SUM a decimal. A bigint that a number cannot hold comes as text.
    supportBigNumbers: true,
    bigNumberStrings: false,
    extra: { decimalNumbers: true, enableKeepAlive: true },
    entities: ENTITIES,
    migrations: [...MIGRATIONS],
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    logger: new QueryLog(log),
    ...(slow > 0 && { maxQueryExecutionTime: slow }),
  });
}

/** Milliseconds for an answer. */
function limitOf({ timeout }: MariadbConfig): number {
  return Math.max(timeout, 100);
}

/**
 * What a session begins with: the limit of a statement, which the server keeps; a strict mode in which `||` joins texts, as
 * it does in SQLite; and transactions that see what others have committed meanwhile.
 */
const SETUP = (limit: number): string[] => [
  `SET SESSION max_statement_time = ${limit / 1000}, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT'`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
];

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
]);

// Errors of MariaDB alone, which mysql2 knows no name of (mariadb.com/kb/en/mariadb-error-codes).
const CONNECTION_KILLED = 1927;
const STATEMENT_TIMEOUT = 1969;

/** What mysql2 throws. */
interface MysqlError extends Error {
  readonly code?: string;
  readonly errno?: number;
  /** The connection is of no use any more. */
  readonly fatal?: boolean;
}

function isDeadlock(error: unknown): boolean {
  return ((error as Error).cause as MysqlError | undefined)?.code === 'ER_LOCK_DEADLOCK';
}

/** What a statement failed with, in the words of the port. */
function failure(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  const thrown = (error instanceof QueryFailedError ? error.driverError : error) as MysqlError;
  const { code = '', errno, fatal = false } = thrown;
  const cause = withoutValues(error);
  if (code === 'ER_DUP_ENTRY') return new ConstraintViolated('unique', { cause });
  if (code.startsWith('ER_NO_REFERENCED_ROW')) return new ConstraintViolated('reference', { cause });
  if (code === 'ER_LOCK_WAIT_TIMEOUT' || code === 'ER_LOCK_DEADLOCK') {
    return new DatabaseUnavailable('a lock was not to be had', { cause });
  }
  if (errno === STATEMENT_TIMEOUT) return new DatabaseUnavailable('it is too slow', { cause });
  if (code === 'ER_DISK_FULL' || code === 'ER_RECORD_FILE_FULL') {
    return new DatabaseUnavailable('its disk is full', { cause });
  }
  if (code === 'ER_OPTION_PREVENTS_STATEMENT') return new DatabaseUnavailable('it is read-only', { cause });
  if (fatal || AWAY.has(code) || errno === CONNECTION_KILLED) {
    return new DatabaseUnavailable(`it is away (${code || thrown.message})`, { cause });
  }
  return cause;
}
