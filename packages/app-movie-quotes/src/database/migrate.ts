// Migrations: which there are, and running those that are missing, under a lock that one process over all machines holds.

import type { DatabaseConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import type { Database } from './database.ts';
import { MIGRATIONS, MIGRATIONS_TABLE } from './migrations/index.ts';

const NAMES: readonly string[] = MIGRATIONS.map((Migration) => new Migration().name);

/** A migration, and whether the database has it. */
export interface MigrationState {
  readonly name: string;
  readonly done: boolean;
}

/** All migrations of this version, oldest first. Throws `MQ_ERR_DATABASE_NEWER` where the database has one more. */
export async function migrationStates(database: Database): Promise<MigrationState[]> {
  const done = await executed(database);
  const unknown = done.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new StartError('MQ_ERR_DATABASE_NEWER', { file: database.place, migration: unknown });
  }
  return NAMES.map((name) => ({ name, done: done.includes(name) }));
}

/** Runs the migrations that are missing. Returns their names; none where another process was first. */
export async function migrate(database: Database, config: DatabaseConfig): Promise<string[]> {
  // A look first, because an up-to-date database must open while another process writes.
  if ((await migrationStates(database)).every(({ done }) => done)) return [];
  return locked(database, config, async () => {
    // Once more: the process that had the lock before may have been a newer one.
    await migrationStates(database);
    const run = await database.dataSource.runMigrations({ transaction: transactionMode(database) });
    return run.map(({ name }) => name);
  });
}

/** Takes the latest migration back, and what it made with it. Returns its name; undefined where there is none. */
export async function undoMigration(database: Database, config: DatabaseConfig): Promise<string | undefined> {
  return locked(database, config, async () => {
    const name = (await migrationStates(database)).findLast(({ done }) => done)?.name;
    if (name !== undefined) await database.dataSource.undoLastMigration({ transaction: transactionMode(database) });
    return name;
  });
}

async function executed(database: Database): Promise<string[]> {
  const runner = database.dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable(MIGRATIONS_TABLE))) return [];
    const rows: { name: string }[] = await runner.query(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
    return rows.map(({ name }) => name);
  } finally {
    await runner.release();
  }
}

/** In SQLite all of them are in the transaction of the lock; MariaDB ends a transaction at each change of a table anyway. */
function transactionMode(database: Database): 'none' | 'each' {
  return database.kind === 'sqlite' ? 'none' : 'each';
}

async function locked<Result>(
  database: Database,
  config: DatabaseConfig,
  work: () => Promise<Result>,
): Promise<Result> {
  if (database.kind === 'sqlite') {
    // The write lock itself: who comes second finds the work done.
    const result = await database.transaction(work);
    // From the log into the file itself, so that a copy of the file is a copy of the catalogue. Waits for nobody.
    await database.dataSource.query('PRAGMA wal_checkpoint(PASSIVE)');
    return result;
  }
  // A lock of the server, by a connection that does nothing else; it is let go with the connection.
  const seconds = 'wait' in config ? config.wait : 60;
  const runner = database.dataSource.createQueryRunner();
  const name = `movie-quotes-migrations-${database.dataSource.options.database as string}`.slice(0, 64);
  try {
    const [answer] = await runner.query('SELECT GET_LOCK(?, ?) AS got', [name, seconds]);
    if (Number(answer?.got) !== 1) {
      throw new StartError('MQ_ERR_DATABASE_LOCKED', { file: database.place, ms: seconds * 1000 });
    }
    return await work();
  } finally {
    await runner.query('SELECT RELEASE_LOCK(?)', [name]).catch(() => {});
    await runner.release();
  }
}
