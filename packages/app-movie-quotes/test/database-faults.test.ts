// A database that is away, silent, slow, locked, full or removed: what needs it gets 503, the rest goes on, and so does all
// of it when the database is back.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { openDatabase } from '../src/database/open.ts';
import {
  configIn,
  databasesFor,
  openDirectly,
  runServe,
  type Site,
  spawnServe,
  startSite,
  temporaryFolder,
} from './fixtures/movie-quotes.ts';
import { Relay } from './fixtures/relay.ts';

const silent = pino({ level: 'silent' }) as FastifyBaseLogger;
const TOKEN = 'a-token-for-this-test';
const MARIADB = process.env.MQ_TEST_DATABASE?.startsWith('mariadb:') ?? false;
const onMariadb = { skip: !MARIADB && 'MQ_TEST_DATABASE names no MariaDB' };
const onSqlite = { skip: MARIADB && 'about the file of SQLite' };

/** Adds a quote by the API. */
function create(site: Site, content: string) {
  return site.request({
    method: 'POST',
    url: '/api/v1/quotes',
    headers: { authorization: `Bearer ${TOKEN}` },
    payload: { film: 'Faults', year: 2001, content, speaker: 'Nobody' },
  });
}

/** The quotes that {@link create} added. */
async function created(site: Site): Promise<string[]> {
  const rows = await site.sql<{ content: string }>(
    `SELECT content FROM quotes JOIN films ON films.id = film_id WHERE title = 'Faults' ORDER BY quotes.id`,
  );
  return rows.map(({ content }) => content);
}

/** Expects 503 with Retry-After, as a problem of the API and as a page. */
async function unavailable(t: Test, site: Site, { reads = true } = {}): Promise<void> {
  const write = await create(site, 'Not now.');
  t.equal(write.statusCode, 503);
  t.match(write.headers['content-type'], 'application/problem+json');
  t.match(write.headers['retry-after'], /^\d+$/);
  t.strictSame(write.json(), { type: 'about:blank', title: 'Service Unavailable', status: 503 });
  if (reads) {
    const page = await site.request('/');
    t.equal(page.statusCode, 503);
    t.match(page.headers['retry-after'], /^\d+$/);
    t.match(page.headers['content-type'], 'text/html');
  } else {
    t.equal((await site.request('/')).statusCode, 200, 'reads go on');
  }
  t.equal((await site.request('/livez')).statusCode, 200);
  t.equal((await site.request('/hello')).statusCode, 200, 'what needs no database goes on');
}

/** A log that is kept, and not shown. */
function keptLog() {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  return {
    lines: (): { reqId?: string; sql?: string; url?: string }[] => written.map((line) => JSON.parse(line)),
    text: () => written.join(''),
    logger: pino({ level: 'debug' }, stream) as FastifyBaseLogger,
  };
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

t.test('a server that is away is waited for, and then the start is given up', async (t) => {
  const port = await closedPort();
  const { status, stdout, stderr } = await runServe(t, temporaryFolder(t), {
    TSGI_BIND: '127.0.0.1:0',
    DATABASE_URL: `mariadb://somebody:top-secret@127.0.0.1:${port}/quotes`,
    DATABASE_WAIT: '1',
  });
  t.equal(status, 3);
  t.match(stdout, `waiting for the database mariadb://127.0.0.1:${port}/quotes, for 1 s more (ECONNREFUSED)`);
  t.match(stderr, /^tsgi: [^\n]*the database mariadb:\S+ is away \(waited 1 s; ECONNREFUSED\); start it, [^\n]+\n$/);
  t.notMatch(stdout + stderr, /top-secret|\n\s+at /);
});

t.test('a query that takes long is logged, with the id of its request and without its values', async (t) => {
  const { logger, lines } = keptLog();
  const site = await startSite(t, { SLOW_QUERY: '1' }, { logger });
  await site.sql(`INSERT INTO quotes (film_id, person_id, content, search)
    SELECT film_id, person_id, content || films.id, search FROM quotes, films WHERE films.id <= 60`);
  const id = 'id-of-a-request';
  const headers = { 'x-request-id': id };
  t.equal((await site.request({ url: '/api/v1/quotes?search=xyzzy', headers })).statusCode, 200);
  const slow = lines().find(({ sql = '' }) => sql.includes('LIKE'));
  t.match(slow, { level: 40, ms: Number, sql: /SELECT .* quotes/, msg: /^a query took \d+ ms$/ });
  t.equal(slow?.reqId, lines().find(({ url }) => url !== undefined)?.reqId);
  t.notMatch(JSON.stringify(slow), 'xyzzy');
});

t.test('MariaDB', onMariadb, async (t) => {
  t.test('a wrong password is told at once, and not shown', async (t) => {
    const url = new URL((await databasesFor(t)).DATABASE_URL as string);
    url.password = 'not-the-password';
    const environment = { TSGI_BIND: '127.0.0.1:0', DATABASE_URL: url.href, LOG_LEVEL: 'trace' };
    const { status, stdout, stderr } = await runServe(t, temporaryFolder(t), environment);
    t.equal(status, 3);
    t.match(stderr, /refused the connection: Access denied for user [^\n]+; correct DATABASE_URL or DATABASE_PASSWORD/);
    t.notMatch(stdout, 'waiting for');
    t.notMatch(stdout + stderr, 'not-the-password');
  });

  t.test('a server that comes later is waited for', async (t) => {
    const { DATABASE_URL = '' } = await databasesFor(t);
    const relay = await Relay.start(t, DATABASE_URL, { cut: true });
    const environment = { TSGI_BIND: '127.0.0.1:0', DATABASE_URL: relay.through(DATABASE_URL) };
    const { child, ended } = spawnServe(t, temporaryFolder(t), environment);
    let restored: Promise<void> | undefined;
    for await (const chunk of child.stdout as NodeJS.ReadableStream) {
      if (String(chunk).includes('waiting for the database')) restored ??= relay.restore();
      if (String(chunk).includes('"msg":"serving ')) break;
    }
    await restored;
    child.kill('SIGTERM');
    t.match(await ended, { status: 0, stderr: '' });
  });

  t.test('lost while serving: 503 for what needs it, and back without a restart', async (t) => {
    const { DATABASE_URL = '' } = await databasesFor(t);
    const relay = await Relay.start(t, DATABASE_URL);
    const log = keptLog();
    const environment = { DATABASE_URL: relay.through(DATABASE_URL), API_TOKEN: TOKEN };
    const site = await startSite(t, environment, { logger: log.logger });
    t.equal((await create(site, 'Before.')).statusCode, 201);
    await relay.cut();
    await unavailable(t, site);
    t.equal((await site.request('/readyz')).statusCode, 503);
    await relay.restore();
    t.equal((await create(site, 'After.')).statusCode, 201);
    t.equal((await site.request('/')).statusCode, 200);
    t.equal((await site.request('/readyz')).statusCode, 200);
    t.strictSame(await created(site), ['Before.', 'After.']);
    const { password } = new URL(DATABASE_URL);
    t.match(log.text(), 'the database cannot answer: it is away');
    t.notMatch(log.text(), new RegExp(`${password}|${TOKEN}`));
  });

  t.test('silent: 503 when the time is up, and no answer goes to another question', async (t) => {
    const { DATABASE_URL = '' } = await databasesFor(t);
    const relay = await Relay.start(t, DATABASE_URL);
    const environment = { DATABASE_URL: relay.through(DATABASE_URL), DATABASE_TIMEOUT: '200', DATABASE_POOL: '1' };
    const { database } = await openDatabase(configIn(temporaryFolder(t), environment).database, silent);
    t.teardown(() => database.close());
    relay.hold();
    const late = [1, 2, 3].map((id) => database.query('SELECT id FROM films WHERE id = ?', [id]));
    await Promise.all(late.map((query) => t.rejects(query, { message: /the database cannot answer/ })));
    relay.flow();
    t.strictSame(await database.query('SELECT id FROM films WHERE id = ?', [4]), [{ id: 4 }]);
  });

  t.test('silent at the end of a transaction: it is not called done', async (t) => {
    const { DATABASE_URL = '' } = await databasesFor(t);
    const relay = await Relay.start(t, DATABASE_URL);
    const environment = { DATABASE_URL: relay.through(DATABASE_URL), DATABASE_TIMEOUT: '200' };
    const { database } = await openDatabase(configIn(temporaryFolder(t), environment).database, silent);
    t.teardown(() => database.close());
    const lost = database.transaction(async (transaction) => {
      await transaction.run('DELETE FROM films WHERE id = 1');
      relay.hold();
    });
    await t.rejects(lost, { message: /it does not answer/ });
    relay.flow();
    t.strictSame(await database.transaction(async () => 'goes on'), 'goes on');
  });

  t.test('slow: the statement ends, and its connection is of use', async (t) => {
    const environment = { ...(await databasesFor(t)), DATABASE_TIMEOUT: '200', DATABASE_POOL: '1' };
    const { database } = await openDatabase(configIn(temporaryFolder(t), environment).database, silent);
    t.teardown(() => database.close());
    const idOf = async () => (await database.query<{ id: number }>('SELECT CONNECTION_ID() AS id'))[0]?.id;
    const before = await idOf();
    await t.rejects(database.query('SELECT SLEEP(60)'), { message: /it is too slow/ });
    t.equal(await idOf(), before);
  });
});

t.test('SQLite', onSqlite, async (t) => {
  t.test('locked by another process: writes wait while reads go on, and are refused in the end', async (t) => {
    const site = await startSite(t, { API_TOKEN: TOKEN, DATABASE_TIMEOUT: '1000' });
    const other = openDirectly(t, site.database.place);
    other.exec('BEGIN IMMEDIATE');
    let waits = true;
    const write = create(site, 'After all.').finally(() => {
      waits = false;
    });
    t.equal((await site.request('/')).statusCode, 200);
    t.ok(waits, 'a page was answered meanwhile');
    other.exec('ROLLBACK');
    t.equal((await write).statusCode, 201);

    other.exec('BEGIN IMMEDIATE');
    await unavailable(t, site, { reads: false });
    other.exec('ROLLBACK');
    t.equal((await create(site, 'Once more.')).statusCode, 201);
    t.strictSame(await created(site), ['After all.', 'Once more.']);
  });

  t.test('its disk is full: writes are refused, until there is room', async (t) => {
    const disk = join(temporaryFolder(t), 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      return t.comment('a small disk cannot be mounted here');
    }
    t.teardown(() => execFileSync('umount', ['--lazy', disk]));
    const site = await startSite(t, { API_TOKEN: TOKEN, DATABASE_FILE: join(disk, 'full.sqlite') });
    t.equal((await create(site, 'Before.')).statusCode, 201);
    const filler = join(disk, 'filler');
    t.throws(() => writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024)), { code: 'ENOSPC' });
    // The log of SQLite may have room for a few more.
    const accepted: string[] = [];
    for (let i = 0, status = 201; status === 201; i++) {
      ({ statusCode: status } = await create(site, `Number ${i}.`));
      if (status === 201) accepted.push(`Number ${i}.`);
    }
    await unavailable(t, site, { reads: false });
    rmSync(filler);
    t.equal((await create(site, 'After.')).statusCode, 201);
    t.strictSame(await created(site), ['Before.', ...accepted, 'After.']);
  });

  t.test('its file is removed: nothing is written to where nobody would find it', async (t) => {
    const site = await startSite(t, { API_TOKEN: TOKEN });
    t.equal((await create(site, 'Before.')).statusCode, 201);
    t.equal((await site.request('/')).statusCode, 200);
    unlinkSync(site.database.place);
    await unavailable(t, site, { reads: false });
    t.equal((await site.request('/readyz')).statusCode, 503);
  });
});
