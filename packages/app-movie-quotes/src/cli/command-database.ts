// The database of a command: opened as the application opens it, closed when the command is done.

import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import { type DatabaseConfig, loadConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { connect, openDatabase } from '../database/open.ts';
import { explain } from '../database/sqlite.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds for an answer of MariaDB to a command that changes much: one statement may write 100,000 rows. */
const PATIENCE = 120_000;

/** The database of the configuration, for one statement after the other: with one connection. */
export function commandConfig({ env, cwd }: Terminal): DatabaseConfig {
  const config = loadConfig(env, cwd()).database;
  return config.kind === 'mariadb' ? { ...config, pool: 1, slow: 0 } : { ...config, slow: 0 };
}

/** Runs `work` on the database, with its schema up to date. */
export async function withDatabase<Result>(
  terminal: Terminal,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const log = logTo(terminal);
  const config = commandConfig(terminal);
  const timeout = config.kind === 'mariadb' ? Math.max(config.timeout, PATIENCE) : config.timeout;
  const { database, migrated } = await openDatabase({ ...config, timeout }, log);
  if (migrated.length > 0) log.warn(`migrated the database ${database.place}`);
  return closing(database, work);
}

/** Runs `work` on the database with the schema that it has. */
export async function withAnyDatabase<Result>(
  terminal: Terminal,
  work: (database: Database, config: DatabaseConfig) => Promise<Result>,
  config: DatabaseConfig = commandConfig(terminal),
): Promise<Result> {
  try {
    return await closing(await connect(config, logTo(terminal)), (database) => work(database, config));
  } catch (error) {
    throw config.kind === 'sqlite' ? explain(error, config) : error;
  }
}

/** Warnings, such as what is waited for, as lines for whoever typed the command. */
export function logTo({ stderr }: Terminal): FastifyBaseLogger {
  const write = (line: string) => stderr.write(`quotes: ${(JSON.parse(line) as { msg: string }).msg}\n`);
  return pino({ level: 'warn' }, { write }) as FastifyBaseLogger;
}

async function closing<Result>(database: Database, work: (database: Database) => Promise<Result>): Promise<Result> {
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
