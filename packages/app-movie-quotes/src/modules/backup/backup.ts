// A backup: a folder by the name of its time, with a copy of each database. It is made under another name and renamed when
// it is whole and was read again, so what has the name of a backup is one.

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Sqlite from 'libsql';
import type { DatabaseConfig, MongodbConfig } from '../../config/config.ts';
import type { Database } from '../../database/database.ts';
import { migrationStates } from '../../database/migrate.ts';
import { BackupFailure, explainFile } from './failure.ts';
import { type Copied, type Counts, type Manifest, openBackup, seal } from './manifest.ts';
import { copySqlite } from './sqlite.ts';

const BACKUP = /^\d{8}T\d{6}Z$/;
const UNFINISHED = '.unfinished-';

export interface Source {
  readonly database: Database;
  readonly config: DatabaseConfig;
  readonly mongodb: MongodbConfig | null;
}

/** Makes a backup in `folder`, lets the `keep` latest ones stay, and gives its path. */
export async function makeBackup(
  source: Source,
  folder: string,
  keep: number,
): Promise<{ path: string; manifest: Manifest }> {
  await refuseEmpty(source.database);
  let lock: Sqlite.Database | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    lock = lockFolder(folder);
    // The lock is ours, so whoever made these is gone.
    for (const name of await readdir(folder)) if (name.startsWith(UNFINISHED)) await remove(join(folder, name));
    const { name, at } = await freeName(folder);
    const unfinished = join(folder, `${UNFINISHED}${name}`);
    const path = join(folder, name);
    try {
      await mkdir(unfinished, { mode: 0o700 });
      const database = await copyCatalogue(source, unfinished, at);
      const mongodb = await copyReactions(source, unfinished);
      await seal(unfinished, { format: 1, at, version: versionHere(), database, mongodb });
      const manifest = await openBackup(unfinished);
      await rename(unfinished, path);
      await sync(folder);
      await removeOld(folder, keep);
      return { path, manifest };
    } finally {
      await remove(unfinished);
    }
  } catch (error) {
    throw explainFile(error, folder);
  } finally {
    lock?.exec('ROLLBACK');
    lock?.close();
  }
}

async function copyCatalogue({ database, config }: Source, to: string, at: string): Promise<Manifest['database']> {
  let copied: Copied;
  if (config.kind === 'sqlite') copied = await copySqlite(database, join(to, 'database.sqlite'), to);
  else copied = await (await import('./mariadb.ts')).dumpMariadb(config, join(to, 'database.sql.gz'), at);
  return { kind: config.kind, ...copied };
}

async function copyReactions({ mongodb }: Source, to: string): Promise<Counts | null> {
  if (mongodb === null) return null;
  const { dumpMongodb, withMongodb } = await import('./mongodb.ts');
  return withMongodb(mongodb, (db) => dumpMongodb(db, to));
}

async function refuseEmpty(database: Database): Promise<void> {
  if ((await migrationStates(database)).some(({ done }) => done)) return;
  throw new BackupFailure(
    `the database ${database.place} has no tables, so there is nothing to copy`,
    'see that the variables are those of the application',
  );
}

/** By SQLite's lock of a file, which the kernel lets go of with the process, however that ends. Node has no flock. */
function lockFolder(folder: string): Sqlite.Database {
  const connection = new Sqlite(join(folder, '.lock'), { timeout: 0 });
  try {
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (cause) {
    connection.close();
    if ((cause as { code?: string }).code !== 'SQLITE_BUSY') throw cause;
    throw new BackupFailure(`another backup into "${folder}" is running`, 'let it finish', { cause });
  }
}

/** The present second, or the next one that has no backup. */
async function freeName(folder: string): Promise<{ name: string; at: string }> {
  for (;;) {
    const at = new Date().toISOString();
    const name = at.replace(/\.\d+/, '').replaceAll(/[-:]/g, '');
    if (!existsSync(join(folder, name))) return { name, at };
    await delay(1000 - (Date.now() % 1000));
  }
}

/** The names are times, so their order is that of the backups. */
async function removeOld(folder: string, keep: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => BACKUP.test(name)).sort();
  for (const name of names.slice(0, -keep)) {
    // Not whole from here on.
    const unfinished = join(folder, `${UNFINISHED}${name}`);
    await rename(join(folder, name), unfinished);
    await remove(unfinished);
  }
}

function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** Lets a rename outlast a cut of the power. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

/** A release has a file with its name; a clone of the repository has the number alone. */
function versionHere(): string {
  const root = join(import.meta.dirname, '../../..');
  const file = join(root, 'VERSION');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
