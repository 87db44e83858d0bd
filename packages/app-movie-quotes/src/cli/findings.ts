// What the doctor looks at, one subject after the other. Nothing is made or changed.

import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Config, loadConfig, type MongodbConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { migrationStates } from '../database/migrate.ts';
import { StartError } from '../errors.ts';
import { commandConfig, withAnyDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

export type Grade = 'ok' | 'warning' | 'problem';

/** How one thing is. */
export interface Finding {
  readonly subject: string;
  readonly grade: Grade;
  readonly text: string;
  /** What to do about it; for everything that is not ok. */
  readonly todo?: string;
}

const MEGABYTE = 1024 * 1024;
/** Free bytes below which it is a warning, and a problem. */
const LITTLE = 1024 * MEGABYTE;
const TOO_LITTLE = 64 * MEGABYTE;
/** Milliseconds by which two machines' clocks may differ; sessions and limits are counted in seconds. */
const SKEW = 5000;
/** Milliseconds after which a reaction should have been delivered. */
const LATE = 60_000;
/** Supported until 2029: https://mariadb.org/about/#maintenance-policy */
const OLDEST_MARIADB = [10, 11] as const;

/** Everything there is to say. */
export async function* findings(terminal: Terminal): AsyncGenerator<Finding> {
  yield nodeVersion();
  yield* user();
  yield await openFiles();
  let config: Config;
  try {
    config = loadConfig(terminal.env, terminal.cwd());
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return yield problem('configuration', error.message, error.todo);
  }
  yield ok('configuration', 'every variable is as it should be');
  yield* secrets(config);
  yield* environmentFile(resolve(terminal.cwd(), '.env'));
  const { database, cards } = config;
  if (database.kind === 'sqlite') yield await room('data folder', dirname(database.file), database.createFolder);
  if (cards.maxBytes > 0) yield await room('card cache', cards.folder, true);
  if (config.log.file !== null) yield* logFile(config.log.file);
  yield* catalogue(terminal, config);
  if (config.mongodb === null) yield ok('MongoDB', 'none is configured: reactions are in the same database');
  else yield* mongodb(config.mongodb);
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 21)) return ok('Node', process.version);
  return problem('Node', `this is ${process.version}`, 'run it by 24.21 or a later one');
}

function* user(): Generator<Finding> {
  if (process.getuid?.() !== 0) return;
  yield warning(
    'user',
    'this is root, whom no permission stops',
    'run the doctor as the user that the application runs as',
  );
}

/** Node raises its own limit to the highest that it may have; so it is that of the application as well. */
async function openFiles(): Promise<Finding> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const found = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (found === undefined) return ok('open files', 'this system does not tell its limit');
  if (Number(found) >= 4096) return ok('open files', `${found} at once`);
  return warning('open files', `${found} at once are few`, 'raise LimitNOFILE of the service, or ulimit -n');
}

function* secrets({ sessionSecret, apiToken }: Config): Generator<Finding> {
  yield ok('administration', sessionSecret === null ? 'off: SESSION_SECRET is not set' : 'on');
  yield ok('changes by programs', apiToken === null ? 'off: API_TOKEN is not set' : 'on');
}

async function* environmentFile(file: string): AsyncGenerator<Finding> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return;
  if ((found.mode & 0o007) === 0) yield ok('.env', 'other users cannot read it');
  else yield warning('.env', 'other users can read it, and the secrets in it', `chmod o= ${file}`);
}

/** A folder that is written to, and the room in it. `made` is whether the application makes it where it is missing. */
async function room(subject: string, folder: string, made: boolean): Promise<Finding> {
  let free: number;
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    const found = await statfs(folder);
    free = found.bavail * found.bsize;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && made) return ok(subject, `${folder} is made when it is needed`);
    if (code === 'ENOENT') return problem(subject, `${folder} does not exist`, `make it with mkdir -p ${folder}`);
    return problem(subject, `${folder} cannot be written (${code})`, 'let the user of the application write it');
  }
  const text = `${Math.floor(free / MEGABYTE)} MB free in ${folder}`;
  if (free < TOO_LITTLE) return problem(subject, text, 'make room');
  return free < LITTLE ? warning(subject, text, 'make room soon') : ok(subject, text);
}

async function* logFile(file: string): AsyncGenerator<Finding> {
  yield await room('folder of the log', dirname(file), false);
  try {
    await access(file, constants.W_OK);
    yield ok('log file', file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') yield ok('log file', `${file} is made when it is needed`);
    else yield problem('log file', `${file} cannot be written (${code})`, 'let the user of the application write it');
  }
}

async function* catalogue(terminal: Terminal, config: Config): AsyncGenerator<Finding> {
  const configured = commandConfig(terminal);
  if (configured.kind === 'sqlite') {
    const found = await stat(configured.file).catch((error: NodeJS.ErrnoException) => error);
    if ('code' in found && found.code === 'ENOENT') {
      yield warning(
        'database',
        `"${configured.file}" is not there yet`,
        'it is made by the first start, or quotes migrate up',
      );
      return;
    }
  }
  // The doctor does not wait for what may come up later, and makes no folder.
  const now = configured.kind === 'mariadb' ? { ...configured, wait: 0 } : { ...configured, createFolder: false };
  try {
    yield* await withAnyDatabase(
      terminal,
      async (database) => {
        const found: Finding[] = [];
        for await (const finding of inDatabase(database, config.mongodb !== null)) found.push(finding);
        return found;
      },
      now,
    );
  } catch (error) {
    const { message, todo = 'see the log of the database' } = error as Error & { todo?: string };
    yield problem('database', message, todo);
  }
}

async function* inDatabase(database: Database, delivered: boolean): AsyncGenerator<Finding> {
  yield* database.kind === 'sqlite' ? sqlite(database) : mariadb(database);
  const missing = (await migrationStates(database)).filter(({ done }) => !done);
  if (missing.length === 0) yield ok('migrations', 'all are done');
  else {
    yield warning('migrations', `${missing.length} are missing`, 'quotes migrate up, or start the application');
    return;
  }
  const [quotes] = await database.query<{ count: number }>('SELECT COUNT(*) AS count FROM quotes');
  const count = Number(quotes?.count);
  yield count > 0 ? ok('catalogue', `${count} quotes`) : warning('catalogue', 'it is empty', 'quotes seed');
  yield* outbox(database, delivered);
}

async function* sqlite(database: Database): AsyncGenerator<Finding> {
  const [version] = await database.query<{ version: string }>('SELECT sqlite_version() AS version');
  yield ok('database', `${database.place}, SQLite ${version?.version}`);
  const [check] = await database.query<{ quick_check: string }>('PRAGMA quick_check(1)');
  if (check?.quick_check === 'ok') yield ok('database file', 'undamaged');
  else
    yield problem(
      'database file',
      `damaged: ${check?.quick_check}`,
      'bring back a backup, or quotes export what can be read',
    );
}

async function* mariadb(database: Database): AsyncGenerator<Finding> {
  const before = Date.now();
  const [row] = await database.query<{ version: string; seconds: string }>(
    'SELECT VERSION() AS version, UNIX_TIMESTAMP(NOW(3)) AS seconds',
  );
  const version = row?.version ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldMajor, oldMinor] = OLDEST_MARIADB;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor))
    yield ok('database', `${database.place}, ${version}`);
  else
    yield warning('database', `${database.place} is ${version}`, `update it to ${OLDEST_MARIADB.join('.')} or later`);
  yield clock('clock of the database', Number(row?.seconds) * 1000, before);
}

/** `theirs` was read after `before`, on this machine's clock. */
function clock(subject: string, theirs: number, before: number): Finding {
  const after = Date.now();
  const skew = theirs < before ? before - theirs : Math.max(0, theirs - after);
  if (skew <= SKEW) return ok(subject, 'agrees with this one');
  return problem(subject, `differs from this one by ${Math.round(skew / 1000)} s`, 'let NTP set both');
}

async function* outbox(database: Database, delivered: boolean): AsyncGenerator<Finding> {
  const [row] = await database.query<{ count: number; oldest: number | null }>(
    'SELECT COUNT(*) AS count, MIN(at) AS oldest FROM reaction_outbox',
  );
  const count = Number(row?.count);
  const text = `${count} reactions wait for MongoDB`;
  if (count === 0) yield ok('outbox', 'no reaction waits');
  else if (!delivered) yield warning('outbox', text, 'set MONGODB_URL again, that they are not lost');
  else if (Date.now() - Number(row?.oldest) < LATE) yield ok('outbox', text);
  else yield warning('outbox', `${text}, the first for more than a minute`, 'see that MongoDB and the application run');
}

async function* mongodb({ url, timeout }: MongodbConfig): AsyncGenerator<Finding> {
  // Loaded for who has it alone: it takes a third of a second.
  const { default: mongoose } = await import('mongoose');
  const place = new URL(url).host;
  const client = new mongoose.mongo.MongoClient(url, { serverSelectionTimeoutMS: Math.max(timeout, 1000) });
  try {
    const { version } = await client.db().command({ buildInfo: 1 });
    const before = Date.now();
    const { localTime } = await client.db().command({ hello: 1 });
    yield ok('MongoDB', `${place}, ${version}`);
    yield clock('clock of MongoDB', localTime.getTime(), before);
  } catch (error) {
    yield problem(
      'MongoDB',
      `${place} does not answer (${(error as Error).message.split('\n')[0]})`,
      'start it, or correct MONGODB_URL; until then reactions wait in the outbox',
    );
  } finally {
    await client.close(true);
  }
}

function ok(subject: string, text: string): Finding {
  return { subject, grade: 'ok', text };
}

function warning(subject: string, text: string, todo: string): Finding {
  return { subject, grade: 'warning', text, todo };
}

function problem(subject: string, text: string, todo: string): Finding {
  return { subject, grade: 'problem', text, todo };
}
