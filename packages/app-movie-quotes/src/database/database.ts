// Opens the database: looks at the file, connects, brings the schema up to date, imports the catalogue into new tables.
// Any number of processes may do so at once on one file, and one of them does the work.

import Sqlite from 'libsql';
import { DataSource, QueryFailedError } from 'typeorm';
import type { DatabaseConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';
import { importCatalogue } from './catalogue.ts';
import { FilmEntity, QuoteEntity } from './entities.ts';
import { checkFile, notADatabase } from './file.ts';
import { MIGRATIONS } from './migrations/index.ts';

const MIGRATIONS_TABLE = 'migrations';

/** What opening did, for the log. */
export interface OpenedDatabase {
  readonly dataSource: DataSource;
  /** Names of the migrations that were run now, oldest first. */
  readonly migrated: readonly string[];
  /** Quotes that were imported now. */
  readonly imported: number;
}

/** Opens `config.file`, ready for use. Throws an `MQ_ERR_DATABASE_*` that says what to do; then nothing stays open. */
export async function openDatabase(config: DatabaseConfig): Promise<OpenedDatabase> {
  await checkFile(config);
  const dataSource = createDataSource(config);
  try {
    await dataSource.initialize();
    return { dataSource, ...(await prepare(dataSource)) };
  } catch (error) {
    if (dataSource.isInitialized) await dataSource.destroy();
    throw explain(error, config);
  }
}

function createDataSource({ file, timeout }: DatabaseConfig): DataSource {
  return new DataSource({
    type: 'better-sqlite3',
    // libsql has better-sqlite3's interface and comes compiled for every platform that Node runs on.
    driver: Sqlite,
    database: file,
    timeout,
    entities: [FilmEntity, QuoteEntity],
    migrations: [...MIGRATIONS],
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
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

/** Throws when the file has tables and they are not ours, or when they are from a version after this one. */
function refuseForeign(connection: Sqlite.Database, file: string): void {
  const tables = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
  if (tables.length === 0) return;
  const foreign = new StartError('MQ_ERR_DATABASE_FORMAT', { file, problem: 'belongs to another program' });
  if (!tables.some(({ name }) => name === MIGRATIONS_TABLE)) throw foreign;
  const rows = connection.prepare(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`).all() as { name: string }[];
  const known = MIGRATIONS.map((migration) => migration.name);
  const unknown = rows.find(({ name }) => !known.includes(name));
  if (unknown === undefined) return;
  if (rows[0]?.name !== known[0]) throw foreign;
  throw new StartError('MQ_ERR_DATABASE_NEWER', { file, migration: unknown.name });
}

async function prepare(dataSource: DataSource): Promise<Omit<OpenedDatabase, 'dataSource'>> {
  // A look first, because an up-to-date database must open while another process writes.
  if (await isUpToDate(dataSource)) return { migrated: [], imported: 0 };
  // IMMEDIATE takes the write lock now and waits for it: who comes second finds the work done. TypeORM's own
  // transactions begin as readers and would fail with SQLITE_BUSY when they turn into writers.
  await dataSource.query('BEGIN IMMEDIATE');
  try {
    const migrated = (await dataSource.runMigrations({ transaction: 'none' })).map(({ name }) => name);
    // Once, together with the tables: a catalogue that was emptied later stays empty.
    const imported = migrated.includes(firstMigration) ? await importCatalogue(dataSource.manager) : 0;
    await dataSource.query('COMMIT');
    // From the log into the file itself, so that a copy of the file is a copy of the catalogue. Waits for nobody.
    await dataSource.query('PRAGMA wal_checkpoint(PASSIVE)');
    return { migrated, imported };
  } catch (error) {
    await dataSource.query('ROLLBACK').catch(() => {}); // SQLite may have rolled back already; the first error counts.
    throw error;
  }
}

const firstMigration = MIGRATIONS[0]?.name as string;

async function isUpToDate(dataSource: DataSource): Promise<boolean> {
  const tables = await dataSource.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?", [
    MIGRATIONS_TABLE,
  ]);
  if (tables.length === 0) return false;
  const rows: { name: string }[] = await dataSource.query(`SELECT name FROM ${MIGRATIONS_TABLE}`);
  return MIGRATIONS.every((migration) => rows.some(({ name }) => name === migration.name));
}

/** SQLite's error as one of ours; an error that is no error of the database stays what it is. */
function explain(error: unknown, { file, timeout }: DatabaseConfig): unknown {
  if (error instanceof StartError) return error;
  const cause = error instanceof QueryFailedError ? error.driverError : error;
  const { code, message } = cause as { code?: string; message: string };
  if (code?.startsWith('SQLITE_BUSY') || code?.startsWith('SQLITE_LOCKED')) {
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
