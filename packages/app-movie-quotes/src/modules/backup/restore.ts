// Brings a backup into databases that are empty, or are to be replaced. What can be wrong is looked at first; then MongoDB,
// then the catalogue's database, which the application does not open before all is in it.

import { copyFile, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import Sqlite from 'libsql';
import type { Config, MariadbConfig, MongodbConfig, SqliteConfig } from '../../config/config.ts';
import type { Transaction } from '../../database/database.ts';
import { UNFINISHED_RESTORE } from '../../database/migrate.ts';
import { MIGRATIONS_TABLE } from '../../database/migrations/index.ts';
import { connect, openDatabase } from '../../database/open.ts';
import { originOf } from '../reactions/order.ts';
import { BackupFailure, explainFile } from './failure.ts';
import { type Manifest, openBackup } from './manifest.ts';
import type { Session } from './mariadb.ts';

/** Restores the backup `folder` to where `config` says, and gives its manifest. `force` replaces what is there. */
export async function restoreBackup(
  folder: string,
  { database, mongodb }: Config,
  force: boolean,
  log: FastifyBaseLogger,
): Promise<Manifest> {
  const manifest = await openBackup(folder);
  refuseOther(folder, manifest, database.kind, mongodb);
  if (mongodb !== null) await checkMongodb(mongodb, force);
  if (database.kind === 'sqlite') await restoreSqlite(folder, manifest, database, mongodb, force, log);
  else await restoreMariadb(folder, manifest, database, mongodb, force, log);
  return manifest;
}

function refuseOther(
  folder: string,
  { database, mongodb }: Manifest,
  kind: 'sqlite' | 'mariadb',
  configured: MongodbConfig | null,
): void {
  if (database.kind !== kind) {
    const names = { sqlite: 'SQLite', mariadb: 'MariaDB' };
    throw new BackupFailure(
      `the backup "${folder}" is of ${names[database.kind]}, and the variables name ${names[kind]}`,
      'correct DATABASE_FILE or DATABASE_URL; quotes export and import bring quotes from the one to the other',
    );
  }
  if ((mongodb === null) !== (configured === null)) {
    throw new BackupFailure(
      `the backup "${folder}" has ${mongodb === null ? 'no' : 'a'} copy of MongoDB, and MONGODB_URL is ${configured === null ? 'not set' : 'set'}`,
      `${mongodb === null ? 'unset' : 'set'} MONGODB_URL`,
    );
  }
}

function notEmpty(place: string): BackupFailure {
  return new BackupFailure(`${place} is not empty`, 'name an empty one, or say --force to replace all that is in it');
}

async function checkMongodb(config: MongodbConfig, force: boolean): Promise<void> {
  const { collectionsOf, withMongodb } = await import('./mongodb.ts');
  await withMongodb(config, async (db) => {
    for (const name of await collectionsOf(db)) {
      // Empty ones are made by the application's start.
      if (!force && (await db.collection(name).findOne({}, { projection: { _id: 1 } })) !== null) {
        throw notEmpty(`MongoDB's database ${db.databaseName}`);
      }
    }
  });
}

/** Replaces all collections. Gives the highest number of a reaction of `origin` that MongoDB took. */
async function loadMongodb(folder: string, { mongodb }: Manifest, config: MongodbConfig | null, origin: string) {
  if (config === null || mongodb === null) return 0;
  const { collectionsOf, loadCollection, withMongodb } = await import('./mongodb.ts');
  return withMongodb(config, async (db) => {
    for (const name of await collectionsOf(db)) await db.collection(name).drop();
    let last = 0;
    for (const [name, count] of Object.entries(mongodb)) {
      const loaded = await loadCollection(db, folder, name);
      if (loaded !== count) throw new BackupFailure(`${name} has ${loaded} documents instead of ${count}`, 'try again');
      const [highest] = await db
        .collection(name)
        .aggregate<{ last: number | null }>([{ $group: { _id: null, last: { $max: `$marks.${origin}` } } }])
        .toArray();
      last = Math.max(last, highest?.last ?? 0);
    }
    return last;
  });
}

async function restoreSqlite(
  folder: string,
  manifest: Manifest,
  config: SqliteConfig,
  mongodb: MongodbConfig | null,
  force: boolean,
  log: FastifyBaseLogger,
): Promise<void> {
  const { file } = config;
  const present = await stat(file).catch(() => undefined);
  if (present !== undefined && present.size > 0) {
    if (!force) throw notEmpty(`the database "${file}"`);
    refuseInUse(file);
  }
  // Everything is done to the copy, which then takes the place of the file.
  const copy = `${file}.restoring`;
  try {
    await removeDatabase(copy);
    await copyFile(join(folder, 'database.sqlite'), copy);
    const { database } = await openDatabase({ ...config, file: copy }, log);
    try {
      const last = await loadMongodb(folder, manifest, mongodb, await originOf(database));
      if (last > 0) await database.transaction((transaction) => skipNumbers(transaction, last));
      // All of it into the file, which is about to lose its log.
      const [log] = await database.query<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)');
      if (log?.busy !== 0) throw new BackupFailure(`the copy "${copy}" is in use`, 'leave it alone and try again');
    } finally {
      await database.close();
    }
    await settle(copy, present ?? (await stat(dirname(file))));
    if (present !== undefined) await setAside(file);
    await rename(copy, file);
  } catch (error) {
    throw explainFile(error, dirname(file));
  } finally {
    await removeDatabase(copy);
  }
}

/** Lets the reactions to come have numbers that MongoDB has not seen. The table has no key. */
async function skipNumbers(transaction: Transaction, last: number): Promise<void> {
  const { rows } = await transaction.run(
    "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'reaction_outbox'",
    [last],
  );
  if (rows === 0) {
    await transaction.run("INSERT INTO sqlite_sequence (name, seq) VALUES ('reaction_outbox', ?)", [last]);
  }
}

/** SQLite leaves its write-ahead log only where nobody else has the file open. */
function refuseInUse(file: string): void {
  let connection: Sqlite.Database | undefined;
  try {
    connection = new Sqlite(file, { timeout: 0 });
    const tables = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
      name: string;
    }[];
    if (tables.length > 0 && !tables.some(({ name }) => name === MIGRATIONS_TABLE)) {
      throw new BackupFailure(`the database "${file}" belongs to another program`, 'correct DATABASE_FILE');
    }
    connection.pragma('journal_mode = DELETE');
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    if ((error as { code?: string }).code === 'SQLITE_BUSY') {
      throw new BackupFailure(`the database "${file}" is in use`, 'stop the application first', { cause: error });
    }
    // Damaged: that is what a restore is for.
  } finally {
    connection?.close();
  }
}

/** On the disk, and its owner's: root may have restored it. */
async function settle(file: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.chmod(0o600);
    if (process.getuid?.() === 0) await handle.chown(uid, gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What was there is kept beside it, once. It has its own name as well until the copy takes that: there is always one. */
async function setAside(file: string): Promise<void> {
  const aside = `${file}.before-restore`;
  await removeDatabase(aside);
  await link(file, aside);
  // There where the file was damaged.
  for (const end of ['-wal', '-shm']) await rename(`${file}${end}`, `${aside}${end}`).catch(() => {});
}

async function removeDatabase(file: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${file}${end}`, { force: true });
}

async function restoreMariadb(
  folder: string,
  manifest: Manifest,
  config: MariadbConfig,
  mongodb: MongodbConfig | null,
  force: boolean,
  log: FastifyBaseLogger,
): Promise<void> {
  const { quoted, statementsOf, tablesOf, withSession } = await import('./mariadb.ts');
  const place = `mariadb://${config.host}:${config.port}/${config.database}`;
  // Waits for a server that starts, and knows what to say of one that does not answer.
  await (await connect(config, log)).close();
  await withSession(config, async (session) => {
    await session.ask('SET SESSION max_statement_time = 0');
    const tables = (await tablesOf(session)).map(({ name }) => name);
    if (tables.length > 0 && !force) throw notEmpty(`the database ${place}`);
    if (tables.length > 0 && ![MIGRATIONS_TABLE, UNFINISHED_RESTORE].some((name) => tables.includes(name))) {
      throw new BackupFailure(`the database ${place} belongs to another program`, 'correct DATABASE_URL');
    }
    await refuseConnected(session, place);
    // MariaDB ends a transaction at each CREATE TABLE. While this table is there, the application does not start.
    await session.ask(`CREATE TABLE IF NOT EXISTS ${UNFINISHED_RESTORE} (id integer)`);
    await session.ask('SET SESSION foreign_key_checks = 0');
    for (const name of tables) {
      if (name !== UNFINISHED_RESTORE) await session.ask(`DROP TABLE ${quoted(name)}`);
    }
    for await (const statement of statementsOf(join(folder, 'database.sql.gz'))) await session.ask(statement);
    for (const [name, count] of Object.entries(manifest.database.rows)) {
      const [found] = await session.ask<{ count: string }>(`SELECT COUNT(*) AS count FROM ${quoted(name)}`);
      if (Number(found?.count) !== count) {
        throw new BackupFailure(`${name} has ${found?.count} rows instead of ${count}`, 'try again with --force');
      }
    }
    if (mongodb !== null) {
      const [origin] = await session.ask<{ name: string }>('SELECT name FROM reaction_origin WHERE id = 1');
      const last = await loadMongodb(folder, manifest, mongodb, origin?.name ?? '');
      const [outbox] = await session.ask<{ next: string }>(
        `SELECT AUTO_INCREMENT AS next FROM information_schema.TABLES
          WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'reaction_outbox'`,
      );
      if (Number(outbox?.next) <= last) {
        await session.ask(`ALTER TABLE reaction_outbox AUTO_INCREMENT = ${last + 1}`);
      }
    }
    await session.ask(`DROP TABLE ${UNFINISHED_RESTORE}`);
  });
  // A backup of an older version.
  const { database } = await openDatabase(config, log);
  await database.close();
}

async function refuseConnected(session: Session, place: string): Promise<void> {
  let others: unknown[] = [];
  // One that has just ended may still be in the list.
  for (let attempt = 0; attempt < 20; attempt++) {
    if (attempt > 0) await delay(100);
    others = await session.ask(
      'SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
    );
    if (others.length === 0) return;
  }
  throw new BackupFailure(
    `the database ${place} is in use (connections: ${others.length})`,
    'stop the application first',
  );
}
