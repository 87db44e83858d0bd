// Migrations: which there are, and running those that are missing, under a lock that one process over all machines holds.

import { createHash } from 'node:crypto';
import { MigrationExecutor, type QueryRunner } from 'typeorm';
import type { DatabaseConfig, MariadbConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import type { Database } from './database.ts';
import { MIGRATIONS, MIGRATIONS_TABLE } from './migrations/index.ts';

const NAMES: readonly string[] = MIGRATIONS.map((Migration) => new Migration().name);

/** A table that is there while a restore fills the others, and stays when it is cut short: MariaDB cannot undo that. */
export const UNFINISHED_RESTORE = 'unfinished_restore';

/** A migration, and whether the database has it. */
export interface MigrationState {
  readonly name: string;
  readonly done: boolean;
}

/** All migrations of this version, oldest first. Throws `MQ_ERR_DATABASE_NEWER` where the database has one more. */
export async function migrationStates(database: Database): Promise<MigrationState[]> {
  const runner = database.dataSource.createQueryRunner();
  try {
    return await statesBy(runner, database.place);
  } finally {
    await runner.release();
  }
}

async function statesBy(runner: QueryRunner, place: string): Promise<MigrationState[]> {
  if (await runner.hasTable(UNFINISHED_RESTORE)) throw new StartError('MQ_ERR_DATABASE_RESTORING', { place });
  const done = await executed(runner);
  refuseNewer(place, done);
  return NAMES.map((name) => ({ name, done: done.includes(name) }));
}

/** Throws `MQ_ERR_DATABASE_NEWER` where a migration that was run is none of this version's. */
export function refuseNewer(place: string, names: readonly string[]): void {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new StartError('MQ_ERR_DATABASE_NEWER', { place, migration: unknown });
}

/** Runs the migrations that are missing. Returns their names; none where another process was first. */
export async function migrate(database: Database, config: DatabaseConfig): Promise<string[]> {
  // A look first, because an up-to-date database must open while another process writes.
  if ((await migrationStates(database)).every(({ done }) => done)) return [];
  return locked(database, config, async (executor, runner) => {
    // Once more: the process that had the lock before may have been a newer one.
    await statesBy(runner, database.place);
    const run = await executor.executePendingMigrations();
    return run.map(({ name }) => name);
  });
}

/** Takes the latest migration back, and what it made with it. Returns its name; undefined where there is none. */
export async function undoMigration(database: Database, config: DatabaseConfig): Promise<string | undefined> {
  return locked(database, config, async (executor, runner) => {
    const name = (await statesBy(runner, database.place)).findLast(({ done }) => done)?.name;
    if (name !== undefined) await executor.undoLastMigration();
    return name;
  });
}

async function executed(runner: QueryRunner): Promise<string[]> {
  if (!(await runner.hasTable(MIGRATIONS_TABLE))) return [];
  const rows: { name: string }[] = await runner.query(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
  return rows.map(({ name }) => name);
}

/** What is done under the lock, by the connection that has it: there may be no other. */
type Work<Result> = (executor: MigrationExecutor, runner: QueryRunner) => Promise<Result>;

function locked<Result>(database: Database, config: DatabaseConfig, work: Work<Result>): Promise<Result> {
  return config.kind === 'sqlite' ? lockedInSqlite(database, work) : lockedInMariadb(database, config, work);
}

/** The lock is the write lock itself, and all that is done under it one transaction. */
async function lockedInSqlite<Result>(database: Database, work: Work<Result>): Promise<Result> {
  const { dataSource } = database;
  const runner = dataSource.createQueryRunner();
  const executor = new MigrationExecutor(dataSource, runner);
  executor.transaction = 'none';
  const result = await database.transaction(() => work(executor, runner));
  // From the log into the file itself, so that a copy of the file is a copy of the catalogue. Waits for nobody.
  await dataSource.query('PRAGMA wal_checkpoint(PASSIVE)');
  return result;
}

/**
 * The lock belongs to the connection that migrates: who loses the one has lost the other. MariaDB ends a transaction at each
 * change of a table, so a migration that was cut short is run again from its start, and passes over what is done.
 */
async function lockedInMariadb<Result>(
  { dataSource, place }: Database,
  { wait, database }: MariadbConfig,
  work: Work<Result>,
): Promise<Result> {
  const runner = dataSource.createQueryRunner();
  const connection = await runner.connect();
  try {
    // Waiting for the lock, and changing a large table, may take longer than a request's query.
    await runner.query('SET SESSION max_statement_time = 0');
    const [answer] = await runner.query('SELECT GET_LOCK(?, ?) AS got', [lockOf(database), wait]);
    if (answer?.got !== 1) throw new StartError('MQ_ERR_DATABASE_MIGRATING', { place, seconds: wait });
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'each';
    return await work(executor, runner);
  } finally {
    // With its lock and its settings; the pool makes another one.
    connection.destroy();
  }
}

/** Locks belong to the server, so it has the database's name, in as many letters as there may be (64). */
function lockOf(database: string): string {
  return `movie-quotes ${createHash('sha256').update(database).digest('hex').slice(0, 32)}`;
}
