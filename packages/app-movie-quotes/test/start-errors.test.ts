import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { StartError } from '@tsgi/app-movie-quotes';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { openDatabase } from '../src/database/open.ts';
import { configIn, openDirectly, runServe, temporaryFolder } from './fixtures/movie-quotes.ts';

const silent = pino({ level: 'silent' }) as FastifyBaseLogger;

/** What must not change about a file that is refused. */
function stateOf(file: string): object {
  if (!existsSync(file)) return { missing: true };
  const found = statSync(file);
  return { mode: found.mode, ino: found.ino, content: found.isFile() ? readFileSync(file).toString('base64') : '' };
}

/** Expects that `file` is refused with `message`, and left as it is. */
async function refuses(t: Test, file: string, message: RegExp, code: string | RegExp): Promise<void> {
  const before = stateOf(file);
  const { database } = configIn(temporaryFolder(t), { DATABASE_FILE: file, DATABASE_TIMEOUT: '50' });
  await t.rejects(openDatabase(database, silent), { name: 'StartError', code, exit: 3, message }, message.source);
  t.ok(isDeepStrictEqual(stateOf(file), before), 'the file is as it was');
  t.notOk(existsSync(`${file}-wal`) || existsSync(`${file}-shm`), 'and nothing is beside it');
}

/** Expects that `tsgi serve` ends with `status` and one line that `line` matches, and leaves `file` as it is. */
async function ends(
  t: Test,
  status: number,
  line: RegExp,
  environment: Record<string, string>,
  { folder = temporaryFolder(t), nobody = false } = {},
): Promise<void> {
  const file = environment.DATABASE_FILE ?? join(folder, 'data/movie-quotes.sqlite');
  const before = stateOf(file);
  const ended = await runServe(t, folder, { TSGI_BIND: '127.0.0.1:0', ...environment }, { nobody });
  t.equal(ended.status, status, ended.stderr);
  t.match(ended.stderr, line);
  t.match(ended.stderr, /^tsgi: [^\n]+; [^\n]+\n$/, 'one line: what it is, and what to do');
  t.notMatch(ended.stderr + ended.stdout, /(\n|\\n)\s+at /, 'no stack');
  if (status === 3) t.strictSame(stateOf(file), before, 'the file is as it was');
}

/** A database with the catalogue, in a file that nobody has open. */
async function makeDatabase(t: Test, name: string): Promise<string> {
  const folder = temporaryFolder(t);
  const { database } = await openDatabase(configIn(folder).database, silent);
  await database.close();
  const file = join(folder, name);
  copyFileSync(database.place, file);
  return file;
}

t.test('the folder is not there or is not a folder', async (t) => {
  const folder = temporaryFolder(t);
  const code = 'MQ_ERR_DATABASE_FOLDER';
  await refuses(t, join(folder, 'missing/x.sqlite'), /^the folder of the database ".*" does not exist$/, code);
  t.notOk(existsSync(join(folder, 'missing')), 'a folder that was asked for is not made: its name may be mistyped');
  writeFileSync(join(folder, 'file'), '');
  await refuses(t, join(folder, 'file/x.sqlite'), /is not a folder$/, code);
  await refuses(t, join(folder, 'file/folder/x.sqlite'), /cannot be reached \(ENOTDIR\)$/, code);
});

t.test('the file is where the system makes no files', async (t) => {
  await refuses(t, '/proc/movie-quotes.sqlite', /cannot be (opened|written) \(\w+\)$/, /^MQ_ERR_DATABASE/);
});

t.test('the file is not a database', async (t) => {
  const folder = temporaryFolder(t);
  const contents = {
    'a long text': 'Dear diary, today I saw a film.\n'.repeat(200),
    'a short text': 'x',
    'the head of a database and then something else': `SQLite format 3\0${'x'.repeat(8000)}`,
  };
  for (const [name, content] of Object.entries(contents)) {
    const file = join(folder, name);
    writeFileSync(file, content);
    await refuses(t, file, /^the database ".*" is not an SQLite database$/, 'MQ_ERR_DATABASE_FORMAT');
  }
  mkdirSync(join(folder, 'folder'));
  await refuses(t, join(folder, 'folder'), /^the database ".*" is a folder$/, 'MQ_ERR_DATABASE_FORMAT');
  await refuses(t, '/dev/null', /is not a regular file$/, 'MQ_ERR_DATABASE_FORMAT');
});

t.test('the database is damaged', async (t) => {
  const file = await makeDatabase(t, 'damaged.sqlite');
  const content = readFileSync(file);
  content.fill(0xff, 100, 2000); // The schema is in the first page, behind its head of 100 bytes.
  writeFileSync(file, content);
  await refuses(t, file, /^the database ".*" cannot be opened \(SQLITE_CORRUPT\w*\)$/, 'MQ_ERR_DATABASE');
});

t.test('the database is that of another program', async (t) => {
  const folder = temporaryFolder(t);
  const contents = {
    'tables of its own': 'CREATE TABLE recipes (id integer)',
    'migrations of its own':
      "CREATE TABLE migrations (id integer, name text); INSERT INTO migrations VALUES (1, 'CreateRecipes')",
  };
  for (const [name, sql] of Object.entries(contents)) {
    const file = join(folder, name);
    openDirectly(t, file).exec(sql);
    await refuses(t, file, /^the database ".*" belongs to another program$/, 'MQ_ERR_DATABASE_FORMAT');
  }
});

t.test('the database is from a newer version', async (t) => {
  const file = await makeDatabase(t, 'newer.sqlite');
  const other = openDirectly(t, file);
  other.pragma('journal_mode = DELETE');
  other.exec("INSERT INTO migrations (timestamp, name) VALUES (2e12, 'AddStars2000000000000')");
  await refuses(t, file, /written by a newer version .* AddStars2000000000000/, 'MQ_ERR_DATABASE_NEWER');
});

t.test('the database is locked by another process', async (t) => {
  const full = await makeDatabase(t, 'full.sqlite');
  const empty = join(temporaryFolder(t), 'empty.sqlite');
  for (const file of [full, empty]) {
    const other = openDirectly(t, file);
    other.pragma('journal_mode = DELETE'); // With a rollback journal an exclusive lock keeps readers out as well.
    other.exec('BEGIN EXCLUSIVE');
    await refuses(t, file, /^the database ".*" is locked .* \(waited 50 ms\)$/, 'MQ_ERR_DATABASE_LOCKED');
    other.exec('ROLLBACK');
  }
});

t.test('every error says what to do', async (t) => {
  const error = new StartError('MQ_ERR_DATABASE_LOCKED', { file: '/srv/x.sqlite', ms: 5000 });
  t.equal(error.message, 'the database "/srv/x.sqlite" is locked by another process (waited 5000 ms)');
  t.equal(error.todo, 'end the process that holds it, or raise DATABASE_TIMEOUT');
});

t.test('a process ends with status 3 and one line when its database cannot be used', async (t) => {
  const folder = temporaryFolder(t);
  const missing = join(folder, 'missing/x.sqlite');
  await ends(t, 3, /^tsgi: worker 1 failed to \w+: .* does not exist; make it with mkdir -p .*missing, or /, {
    DATABASE_FILE: missing,
  });

  const text = join(folder, 'text');
  writeFileSync(text, 'not a database');
  await ends(t, 3, /^tsgi: worker 1 failed to \w+: .* is not an SQLite database; choose another file/, {
    DATABASE_FILE: text,
  });

  const locked = join(folder, 'locked');
  const other = openDirectly(t, locked);
  other.pragma('journal_mode = WAL');
  other.exec('BEGIN IMMEDIATE');
  const environment = { DATABASE_FILE: locked, DATABASE_TIMEOUT: '50' };
  await ends(
    t,
    3,
    /^tsgi: worker 1 failed to \w+: .* is locked by another process .*; end the process that holds it/,
    environment,
  );
});

t.test('a process ends with status 3 and one line when it may not write', async (t) => {
  const closed = join(temporaryFolder(t), 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0o555);
  const inside = { DATABASE_FILE: join(closed, 'x.sqlite') };
  await ends(t, 3, /folder .* cannot be written \(EACCES\); let the user of this process write to/, inside, {
    nobody: true,
  });
  await ends(t, 3, /folder .* does not exist; make it with mkdir -p/, {}, { folder: closed, nobody: true });

  const file = await makeDatabase(t, 'readable.sqlite');
  chmodSync(file, 0o444);
  const given = { DATABASE_FILE: file };
  await ends(t, 3, /cannot be read and written \(EACCES\); give the user of this process/, given, { nobody: true });
});

t.test('a process ends with status 3 and one line when a variable is wrong', async (t) => {
  const line =
    /^tsgi: worker 1 failed to \w+: DATABASE_TIMEOUT takes the milliseconds .*; LOG_LEVEL takes fatal, .*; correct it/;
  await ends(t, 3, line, { LOG_LEVEL: 'loud', DATABASE_TIMEOUT: 'soon' });
});

t.test('a process ends with status 2 and one line when it cannot listen where it is told to', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'mq.sock');
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const live = createServer();
  await once(live.listen(path), 'listening');
  t.teardown(() => live.close());
  const binds: [string, RegExp][] = [
    ['127.0.0.1:99999', /^tsgi: TSGI_BIND is .*; it takes binds: /],
    ['nothing', /^tsgi: TSGI_BIND is .*; it takes binds: /],
    [`127.0.0.1:${port}`, /^tsgi: .* in use/],
    ['unix:/no/such/folder/mq.sock', /^tsgi: the folder of the socket .* does not exist;/],
    [`unix:${folder}/${'x'.repeat(120)}`, /^tsgi: .*107/],
    [`unix:${path}`, /^tsgi: .* a program that listens/],
  ];
  for (const [bind, line] of binds) await ends(t, 2, line, { TSGI_BIND: bind });
  const privileged = /^tsgi: the bind "127\.0\.0\.1:80" is not permitted .*; use a port from 1024 on/;
  await ends(t, 2, privileged, { TSGI_BIND: '127.0.0.1:80' }, { nobody: true });
});
