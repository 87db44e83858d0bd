// Opens the database of the configuration, and brings its schema up to date. Any number of processes may do so at once, and
// one of them does the work.

import type { FastifyBaseLogger } from 'fastify';
import type { DatabaseConfig } from '../config/config.ts';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { explain, openSqlite } from './sqlite.ts';

/** An open database, and what opening it did, for the log. */
export interface OpenedDatabase {
  readonly database: Database;
  /** Names of the migrations that were run now, oldest first. */
  readonly migrated: readonly string[];
}

/** Connects without a look at the schema. Throws an `MQ_ERR_DATABASE_*` that says what to do. */
export async function connect(config: DatabaseConfig, log: FastifyBaseLogger): Promise<Database> {
  if (config.kind === 'sqlite') return openSqlite(config, log);
  // Its client takes as long to load as Fastify does, and nearly as much memory.
  return (await import('./mariadb.ts')).openMariadb(config, log);
}

/** Opens the database, ready for use. Throws an `MQ_ERR_DATABASE_*` that says what to do; then nothing stays open. */
export async function openDatabase(config: DatabaseConfig, log: FastifyBaseLogger): Promise<OpenedDatabase> {
  const database = await connect(config, log);
  try {
    return { database, migrated: await migrate(database, config) };
  } catch (error) {
    await database.close();
    throw config.kind === 'sqlite' ? explain(error, config) : error;
  }
}
