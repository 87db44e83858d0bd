// MariaDB: a pool of connections for each process.

import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
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
} from './database.ts';
import { ENTITIES } from './entities.ts';
import { MIGRATIONS, MIGRATIONS_TABLE } from './migrations/index.ts';
import { QueryLog } from './query-log.ts';

/** How often a transaction is run again that was the victim of a deadlock. */
const ATTEMPTS = 5;

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
      return new MariadbDatabase(place, dataSource);
    } catch (error) {
      if (dataSource.isInitialized) await dataSource.destroy();
      const { code = '', message } = error as { code?: string; message: string };
      if (!isAway(code)) throw new StartError('MQ_ERR_DATABASE_REFUSED', { place, reason: message }, { cause: error });
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

  constructor(place: string, dataSource: DataSource) {
    this.place = place;
    this.dataSource = dataSource;
  }

  async query<Row>(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    try {
      return await this.dataSource.query(sql, values as Value[]);
    } catch (error) {
      throw failure(error);
    }
  }

  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const runner = this.dataSource.createQueryRunner();
      try {
        await runner.startTransaction('READ COMMITTED');
        const result = await work({
          query: (sql, values = []) => runner.query(sql, values as Value[]),
          run: (sql, values) => run(runner, sql, values),
        });
        await runner.commitTransaction();
        return result;
      } catch (error) {
        await runner.rollbackTransaction().catch(() => {}); // The connection may be gone; the first error counts.
        if (codeOf(error) !== 'ER_LOCK_DEADLOCK' || attempt === ATTEMPTS) throw failure(error);
      } finally {
        await runner.release().catch(() => {});
      }
      await delay(Math.random() * 20 * attempt);
    }
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}

async function run(runner: QueryRunner, sql: string, values: readonly Value[] = []): Promise<Changes> {
  const { affected, raw } = await runner.query(sql, values as Value[], true);
  return { rows: affected ?? 0, id: Number((raw as { insertId?: number } | undefined)?.insertId ?? 0) };
}

function createDataSource(config: MariadbConfig, log: FastifyBaseLogger): DataSource {
  const { host, port, user, password, database, pool, timeout, slow } = config;
  return new DataSource({
    type: 'mariadb',
    host,
    port,
    username: user,
    password,
    database,
    charset: 'utf8mb4_bin',
    connectTimeout: Math.max(timeout, 1000),
    poolSize: pool,
    supportBigNumbers: true,
    extra: { enableKeepAlive: true, stringifyObjects: true },
    entities: ENTITIES,
    migrations: [...MIGRATIONS],
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    logger: new QueryLog(log),
    ...(slow > 0 && { maxQueryExecutionTime: slow }),
  });
}

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
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_CONNECTION_KILLED',
]);

function isAway(code: string): boolean {
  return AWAY.has(code);
}

function codeOf(error: unknown): string {
  const cause = error instanceof QueryFailedError ? error.driverError : error;
  return (cause as { code?: string } | null)?.code ?? '';
}

/** What a statement failed with, in the words of the port. */
function failure(cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === 'ER_DUP_ENTRY') return new ConstraintViolated('unique', { cause });
  if (code.startsWith('ER_NO_REFERENCED_ROW')) return new ConstraintViolated('reference', { cause });
  if (isAway(code)) return new DatabaseUnavailable(`it is away (${code})`, { cause });
  if (code === 'ER_LOCK_WAIT_TIMEOUT' || code === 'ER_LOCK_DEADLOCK') {
    return new DatabaseUnavailable('a lock was not to be had', { cause });
  }
  if (code === 'ER_STATEMENT_TIMEOUT') return new DatabaseUnavailable('it is too slow', { cause });
  if (code === 'ER_DISK_FULL' || code === 'ER_RECORD_FILE_FULL') {
    return new DatabaseUnavailable('its disk is full', { cause });
  }
  return cause;
}
