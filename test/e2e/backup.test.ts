// Backups of Movie Quotes on MariaDB and MongoDB: of a stack that is written to, restored into a fresh one; and what becomes
// of one that is killed, has no room, or is not let in.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { run, start } from '../command.ts';
import { blocks, ROOT } from '../markdown.ts';
import { Stack as Compose, image, noCompose } from './compose.ts';
import { Container, type Ended, missing, TSGI } from './container.ts';
import { type Served, serve } from './fixtures/served.ts';

const PACKAGE = join(ROOT, 'packages/app-movie-quotes');
// The drivers are the application's.
const require = createRequire(join(PACKAGE, 'package.json'));
const mysql: Mysql = require('mysql2/promise');
const mongoose: typeof import('mongoose') = require('mongoose');

const TOKEN = 'a-token-for-this-test-alone';
/** Rows with which a backup takes long enough to be killed in it. */
const MANY = 300_000;

/** The little of mysql2 that is used here. */
interface Mysql {
  createConnection(options: { uri: string }): Promise<{ query(sql: string): Promise<unknown[]>; end(): Promise<void> }>;
}

type Variables = Readonly<Record<string, string>>;

/** MariaDB and MongoDB in containers, with the variables that lead to them. */
class Stack {
  readonly mariadb: Container;
  readonly variables: Variables;
  readonly password: string;

  private constructor(mariadb: Container, password: string, variables: Variables) {
    this.mariadb = mariadb;
    this.password = password;
    this.variables = variables;
  }

  static async start(t: Test): Promise<Stack> {
    const password = randomBytes(12).toString('hex');
    const [mariadb, mongodb] = await Promise.all([
      Container.start(t, 'mariadb:11.8', [
        ...['--publish', '127.0.0.1::3306', '--tmpfs', '/var/lib/mysql'],
        ...['--env', `MARIADB_ROOT_PASSWORD=${password}`, '--env', 'MARIADB_DATABASE=quotes'],
        ...['--env', 'MARIADB_USER=quotes', '--env', `MARIADB_PASSWORD=${password}`],
      ]),
      Container.start(t, 'mongo:8', [
        ...['--publish', '127.0.0.1::27017'],
        ...['--env', 'MONGO_INITDB_ROOT_USERNAME=quotes', '--env', `MONGO_INITDB_ROOT_PASSWORD=${password}`],
      ]),
    ]);
    await mariadb.until('healthcheck.sh --connect --innodb_initialized && echo up', (printed) => printed === 'up');
    await mongodb.until(`mongosh --quiet --eval 'db.runCommand({ ping: 1 }).ok'`, (printed) => printed.endsWith('1'));
    return new Stack(mariadb, password, {
      DATABASE_URL: `mariadb://quotes@${await addressOf(mariadb, 3306)}/quotes`,
      DATABASE_PASSWORD: password,
      MONGODB_URL: `mongodb://quotes@${await addressOf(mongodb, 27017)}/quotes?authSource=admin`,
      MONGODB_PASSWORD: password,
    });
  }

  async sql<Row = Record<string, unknown>>(statement: string): Promise<Row[]> {
    const { DATABASE_URL = '' } = this.variables;
    const uri = DATABASE_URL.replace('mariadb:', 'mysql:').replace('@', `:${this.password}@`);
    const connection = await mysql.createConnection({ uri });
    try {
      return (await connection.query(statement))[0] as Row[];
    } finally {
      await connection.end();
    }
  }

  /** Every row of every table, and every document of every collection. */
  async content(): Promise<Record<string, unknown[]>> {
    const content: Record<string, unknown[]> = {};
    for (const row of await this.sql<Record<string, string>>('SHOW TABLES')) {
      const [name] = Object.values(row) as [string];
      content[name] = await this.sql(`SELECT * FROM ${name} ORDER BY 1, 2`);
    }
    await this.mongodb(async (db) => {
      for (const { name } of await db.listCollections().toArray()) {
        content[`mongodb ${name}`] = await db.collection(name).find({}).sort({ _id: 1 }).toArray();
      }
    });
    return content;
  }

  async mongodb<Result>(work: (db: import('mongoose').mongo.Db) => Promise<Result>): Promise<Result> {
    const url = this.variables.MONGODB_URL?.replace('@', `:${this.password}@`) as string;
    const client = await mongoose.mongo.MongoClient.connect(url);
    try {
      return await work(client.db());
    } finally {
      await client.close(true);
    }
  }

  /** The application on it. */
  async serve(t: Test): Promise<{ served: Served; port: number }> {
    const served = serve(t, ['--bind', '127.0.0.1:0', '--workers', '2'], {
      app: `${PACKAGE}/gateway.ts:createApplication()`,
      env: { ...this.variables, API_TOKEN: TOKEN, LIMIT_WRITES: '0', LIMIT_READS: '0', LOG_REQUESTS: 'false' },
    });
    const target = await served.target();
    if (target.kind !== 'tcp') throw new Error('it serves TCP here');
    return { served, port: target.port };
  }
}

async function addressOf(container: Container, port: number): Promise<string> {
  const { stdout } = await run('docker', ['port', container.name, `${port}/tcp`], ROOT);
  return stdout.trim();
}

/** A command of the folder deploy, with these variables. */
function begin(script: 'backup' | 'restore', args: readonly string[], variables: Variables) {
  return start(join(ROOT, 'deploy', script), args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  });
}

async function deploy(script: 'backup' | 'restore', args: readonly string[], variables: Variables): Promise<Ended> {
  const child = begin(script, args, variables);
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
  ]);
  return { status, stdout, stderr };
}

/** Makes a backup, and gives its path. */
async function backUp(folder: string, variables: Variables): Promise<string> {
  const { status, stdout, stderr } = await deploy('backup', [folder], variables);
  if (status !== 0) throw new Error(stderr);
  return stdout.slice(0, stdout.indexOf(':'));
}

/** Writers of quotes and likes, until they are ended. */
class Load {
  /** Quotes that were made, and changed once. */
  readonly quotes: number[] = [];
  /** Likes that were accepted, by the names of their documents. */
  readonly likes: string[] = [];
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #port: number;
  readonly #clients: Promise<void>[];
  #goesOn = true;

  constructor(port: number) {
    this.#port = port;
    this.#clients = [this.#write(), this.#write(), this.#like(), this.#read()];
  }

  async end(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  async until(count: number): Promise<void> {
    while (this.quotes.length < count || this.likes.length < count) await delay(10);
  }

  async #ask(method: string, path: string, input: object, more: Variables = {}): Promise<{ id: number }> {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...more };
    const request = http.request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers });
    request.end(JSON.stringify(input));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = await text(response);
    if (response.statusCode !== 201 && response.statusCode !== 200) throw new Error(`${response.statusCode} ${body}`);
    return JSON.parse(body);
  }

  async #write(): Promise<void> {
    while (this.#goesOn) {
      const quote = {
        film: 'Café “Ünseen”',
        year: 1999,
        content: `${randomBytes(8).toString('hex')} \\' 🎬`,
        speaker: 'N',
      };
      const { id } = await this.#ask('POST', '/api/v1/quotes', quote);
      await this.#ask('PUT', `/api/v1/quotes/${id}`, { ...quote, speaker: 'Somebody else' });
      this.quotes.push(id);
    }
  }

  async #like(): Promise<void> {
    for (let i = 0; this.#goesOn; i++) {
      const [id, key] = [1 + (i % 300), randomBytes(8).toString('hex')];
      await this.#ask('POST', `/api/v1/quotes/${id}/reactions`, { kind: 'like' }, { 'idempotency-key': key });
      this.likes.push(`key:${key}:${id}`);
    }
  }

  /** Makes views. */
  async #read(): Promise<void> {
    for (let i = 0; this.#goesOn; i++) {
      const path = `/quotes/${1 + (i % 300)}`;
      const [response] = (await once(
        http.get({ host: '127.0.0.1', port: this.#port, agent: this.#agent, path }),
        'response',
      )) as [IncomingMessage];
      if (!(await text(response)).endsWith('</html>\n')) throw new Error(`${response.statusCode} of ${path}`);
    }
  }
}

/** Resolves when all reactions are in MongoDB. */
async function emptied(stack: Stack): Promise<void> {
  while ((await stack.sql('SELECT id FROM reaction_outbox LIMIT 1')).length > 0) await delay(50);
}

const isBackup = (name: string): boolean => /^\d{8}T\d{6}Z$/.test(name);

t.test('backups of MariaDB and MongoDB', { skip: missing('mariadb:11.8', 'mongo:8') }, async (t) => {
  const folder = join(t.testdir(), 'backups');
  const [loaded, fresh] = await Promise.all([Stack.start(t), Stack.start(t)]);
  const { served, port } = await loaded.serve(t);
  let quiet = '';

  await t.test('of a stack that is written to, are of one moment', async (t) => {
    const load = new Load(port);
    await load.until(50);
    const before = { quotes: [...load.quotes], likes: [...load.likes] };
    const began = performance.now();
    const backup = await backUp(folder, loaded.variables);
    const took = performance.now() - began;
    const after = { quotes: load.quotes.length, likes: load.likes.length };
    await load.end();
    t.comment(
      `in ${(took / 1000).toFixed(1)} s, meanwhile ${after.quotes - before.quotes.length} quotes and ${after.likes - before.likes.length} likes`,
    );
    t.ok(after.quotes > before.quotes.length && after.likes > before.likes.length, 'writers were not held up');

    t.equal((await deploy('restore', [backup], fresh.variables)).status, 0);
    // Every change of a quote is one transaction with its row of the audit.
    const [torn] = await fresh.sql<{ count: number }>(
      `SELECT COUNT(*) AS count FROM quotes LEFT JOIN
          (SELECT subject_id, COUNT(*) AS changes FROM audit WHERE subject = 'quote' GROUP BY subject_id) AS changed
          ON changed.subject_id = quotes.id
        WHERE version <> COALESCE(changes, CASE WHEN updated_at = 0 THEN 1 ELSE -1 END)`,
    );
    t.equal(torn?.count, 0, 'no quote without its audit, and none twice');
    const orphans = await fresh.sql('SELECT id FROM audit WHERE subject_id NOT IN (SELECT id FROM quotes)');
    t.equal(orphans.length, 0, 'no audit without its quote');
    const quotes = new Set((await fresh.sql<{ id: number }>('SELECT id FROM quotes')).map(({ id }) => id));
    t.ok(
      before.quotes.every((id) => quotes.has(id)),
      'all that was there when it began',
    );

    await t.test('and a restored stack goes on', async (t) => {
      const { served, port } = await fresh.serve(t);
      const again = new Load(port);
      await again.until(5);
      await again.end();
      await emptied(fresh);
      const likes = await fresh.mongodb((db) => db.collection('likes').distinct('_id', { liked: true }));
      const lost = [...before.likes, ...again.likes].filter((key) => !(likes as unknown[]).includes(key));
      t.strictSame(lost, [], 'each like of before and of now comes to MongoDB');
      const stopped = served.exited;
      served.signal('SIGTERM');
      await stopped;
    });
  });

  await t.test('of a stack that rests, are equal row for row where they are restored', async (t) => {
    await emptied(loaded);
    served.signal('SIGTERM');
    await served.exited;
    // Ends of lines of all kinds, zero, quotes, backslashes, and what may stand for a value.
    await loaded.sql(
      `INSERT INTO audit (at, actor, action, subject, subject_id, was, became) VALUES
        (9007199254740993, 'api', 'change', 'none', 0, UNHEX('0A0D0A00E280A85C275C5C6E223F3A41'), NULL)`,
    );
    quiet = await backUp(folder, loaded.variables);
    const refused = await deploy('restore', [quiet], fresh.variables);
    t.equal(refused.status, 1);
    t.match(refused.stderr, /^quotes: [^\n]+ is not empty; [^\n]+ --force [^\n]+\n$/);
    const restored = await deploy('restore', ['--force', quiet], fresh.variables);
    t.strictSame({ status: restored.status, stderr: restored.stderr }, { status: 0, stderr: '' });
    const [here, there] = [await loaded.content(), await fresh.content()];
    t.strictSame(Object.keys(there), Object.keys(here));
    for (const name of Object.keys(here)) t.strictSame(there[name], here[name], `${name}: ${here[name]?.length}`);
    t.comment(restored.stdout.trimEnd());
    const manifest = readFileSync(join(quiet, 'manifest.json'), 'utf8');
    t.notMatch(manifest + restored.stdout, loaded.password);
  });

  await t.test('are read by the tools of the databases and of the system as well', async (t) => {
    t.equal((await run('sh', ['-c', `cd ${quiet} && sha256sum --check --quiet SHA256SUMS`], ROOT)).status, 0);
    const client = `docker exec -i ${fresh.mariadb.name} mariadb -u root -p${fresh.password}`;
    const script = `echo 'CREATE DATABASE hands' | ${client} && zcat ${quiet}/database.sql.gz | ${client} hands`;
    const { status, stderr } = await run('sh', ['-c', script], ROOT);
    t.equal(status, 0, stderr);
    const counted = `echo 'SELECT COUNT(*) FROM hands.audit' | ${client} --skip-column-names`;
    const [row] = await loaded.sql<{ count: number }>('SELECT COUNT(*) AS count FROM audit');
    t.equal((await run('sh', ['-c', counted], ROOT)).stdout.trim(), String(row?.count));
  });

  await t.test('are not to be had without the database, and the old ones stay', async (t) => {
    const before = readdirSync(folder);
    const { DATABASE_URL = '' } = loaded.variables;
    for (const [what, variables, status] of [
      ['a wrong password', { DATABASE_PASSWORD: 'not-this-one' }, 3],
      ['a wrong password for MongoDB', { MONGODB_PASSWORD: 'not-this-one' }, 1],
      ['no database', { DATABASE_URL: DATABASE_URL.replace(/:\d+/, ':1'), DATABASE_WAIT: '0' }, 3],
    ] as const) {
      const ended = await deploy('backup', [folder], { ...loaded.variables, ...variables });
      t.equal(ended.status, status, what);
      t.match(ended.stderr, /^quotes: [^\n]+; [^\n]+\n$/);
      t.comment(ended.stderr.trimEnd());
      t.notMatch(ended.stderr, 'not-this-one');
      t.strictSame(readdirSync(folder), before);
    }
  });

  await t.test('that are killed half-way leave nothing that looks whole', async (t) => {
    await loaded.sql(
      `INSERT INTO audit (at, actor, action, subject, subject_id, was)
        SELECT seq, 'api', 'change', 'none', 0, MD5(seq) FROM seq_1_to_${MANY}`,
    );
    const other = join(t.testdir(), 'killed');
    mkdirSync(other);
    const begun = Promise.withResolvers<void>();
    const watcher = watch(other, { recursive: true }, (_event, name) => {
      if (name?.endsWith('database.sql.gz')) begun.resolve();
    });
    const child = begin('backup', [other], loaded.variables);
    const ended = once(child, 'close');
    await begun.promise;
    watcher.close();
    child.kill('SIGKILL');
    await ended;
    t.strictSame(readdirSync(other).filter(isBackup), []);
    t.ok(readdirSync(other).some((name) => name.startsWith('.unfinished-')));
    const began = performance.now();
    const backup = await backUp(other, loaded.variables);
    t.comment(`${MANY} rows in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    t.notOk(readdirSync(other).some((name) => name.startsWith('.unfinished-')));

    await t.test('and a restore that is killed lets nobody use what there is', async (t) => {
      const child = begin('restore', ['--force', backup], fresh.variables);
      const ended = once(child, 'close');
      while (
        (await fresh.sql("SHOW TABLES LIKE 'unfinished_restore'")).length === 0 ||
        (await fresh.sql("SHOW TABLES LIKE 'audit'")).length === 0
      ) {
        await delay(5);
      }
      child.kill('SIGKILL');
      await ended;
      const started = await deploy('backup', [other], fresh.variables);
      t.equal(started.status, 3);
      t.match(started.stderr, /^quotes: a backup is being restored [^\n]+ --force\n$/);
      t.equal((await deploy('restore', ['--force', backup], fresh.variables)).status, 0);
      const [rows] = await fresh.sql<{ count: number }>('SELECT COUNT(*) AS count FROM audit');
      t.ok(Number(rows?.count) > MANY);
    });
  });

  await t.test('that have no room say so', { skip: missing('node:26-bookworm-slim') }, async (t) => {
    const small = ['--network=host', '--tmpfs', '/backups:size=1m', '--env', 'TMPDIR=/tmp'];
    const variables = Object.entries(loaded.variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const container = await Container.start(
      t,
      'node:26-bookworm-slim',
      [...small, ...variables],
      ['sleep', 'infinity'],
    );
    const { status, stderr } = await container.try('/srv/tsgi/deploy/backup /backups');
    t.equal(status, 1);
    t.match(stderr, /^quotes: there is no room in "\/backups" \(ENOSPC\); make room[^\n]+\n$/);
    t.equal(await container.sh('ls -A /backups'), '.lock', 'nothing is left of it');
  });

  await t.test('are not restored where the application runs', async (t) => {
    const { served } = await fresh.serve(t);
    const { status, stderr } = await deploy('restore', ['--force', quiet], fresh.variables);
    t.equal(status, 1);
    t.match(stderr, /^quotes: the database [^\n]+ is in use [^\n]+stop the application first\n$/);
    t.ok(existsSync(quiet));
    served.signal('SIGTERM');
    await served.exited;
  });
});

const MACHINE = 'tsgi/systemd:trixie';
const PAGE = 'docs/backup.md';

t.test(`${PAGE}, on a machine with systemd`, { skip: missing(MACHINE) }, async (t) => {
  const mounts = ['/run', '/run/lock', '/tmp'].flatMap((path) => ['--tmpfs', path]);
  const machine = await Container.start(t, MACHINE, ['--cap-add=SYS_ADMIN', '--cgroupns=private', ...mounts]);
  await machine.until('systemctl is-system-running', (state) => /^(running|degraded)$/.test(state));
  const units = '/etc/systemd/system';
  const current = '/opt/movie-quotes/current';
  await machine.sh(`cd /srv/tsgi/systemd && mkdir -p /etc/sysusers.d /etc/tmpfiles.d
    cp sysusers.d/* /etc/sysusers.d/ && cp tmpfiles.d/* /etc/tmpfiles.d/ && cp movie-quotes* ${units}/
    systemd-sysusers && systemd-tmpfiles --create movie-quotes.conf && cp env.example /etc/movie-quotes/env`);
  // The release is the workspace, which is elsewhere. The command quotes is what deploy/as-service makes of it.
  await machine.write(`${current}/node_modules/.bin/tsgi`, `#!/bin/sh\nexec ${TSGI} "$@"\n`);
  await machine.sh(`cd ${current} && chmod 755 node_modules/.bin/tsgi && ln -s /srv/tsgi/deploy
    ln -s /srv/tsgi/packages/app-movie-quotes/gateway.ts && ln -s /srv/tsgi/packages/app-movie-quotes/tsgi.config.ts`);
  for (const name of ['movie-quotes', 'movie-quotes-backup']) {
    await machine.write(`${units}/${name}.service.d/workspace.conf`, '[Service]\nBindReadOnlyPaths=/srv/tsgi\n');
  }
  const command = `#!/bin/sh
    exec systemd-run --quiet --collect --wait --pipe --uid=movie-quotes --working-directory=/var/lib/movie-quotes \
      --property=UMask=0077 --property=StateDirectory=movie-quotes --property=EnvironmentFile=/etc/movie-quotes/env \
      node /srv/tsgi/packages/app-movie-quotes/src/cli/main.ts "$@"`;
  await machine.write('/usr/local/bin/quotes', command);
  await machine.sh('chmod 755 /usr/local/bin/quotes && systemctl daemon-reload && systemctl start movie-quotes');

  for (const { code, line } of blocks(PAGE).filter(({ tags }) => tags.includes('machine'))) {
    await machine.write('/run/step', code);
    const { status, stdout, stderr } = await machine.try('bash -eu -o pipefail /run/step');
    t.equal(status, 0, `${PAGE}:${line}${status === 0 ? '' : `\n${stdout}${stderr}`}`);
  }
  const served = await machine.sh('curl --silent --unix-socket /run/movie-quotes/app.sock http://localhost/readyz');
  t.match(served, '"ready"', 'the application serves again');
  const folder = '/var/lib/movie-quotes-backups';
  t.match(await machine.sh(`stat --format '%a %U' ${folder}/2*Z`), /^700 movie-quotes$/);
  const data = await machine.sh("cd /var/lib/movie-quotes && stat --format '%n %a %U' *.sqlite*");
  t.match(data, /^movie-quotes.sqlite 600 movie-quotes$/m);
  t.match(data, /^movie-quotes.sqlite.before-restore \d+ movie-quotes$/m);
});

t.test(`${PAGE}, with Compose`, { skip: noCompose() }, async (t) => {
  const [here, there] = [await image(), join(t.testdir(), 'movie-quotes.tar')];
  const stack = await Compose.up(t, { image: here, services: ['app'] });
  const follow = async (project: string, tag: string, backup: string) => {
    for (const { code, line } of blocks(PAGE).filter(({ tags }) => tags.includes(tag))) {
      const steps = code.replaceAll('20261121T161219Z', backup).replace('/srv/backups/movie-quotes.tar', there);
      const variables = [`COMPOSE_PROJECT_NAME=${project}`, `IMAGE=${here}`, 'PORT=0'];
      const { status, stdout, stderr } = await run('env', [...variables, 'sh', '-euc', steps], ROOT);
      t.equal(status, 0, `${PAGE}:${line}${status === 0 ? '' : `\n${stdout}${stderr}`}`);
    }
  };
  const folder = '/var/lib/movie-quotes/backups';
  const quotes = (of: Compose) => of.exec('app', 'quotes export --format ndjson | wc -l');
  await stack.exec('app', `quotes backup ${folder}`);
  const backup = await stack.exec('app', `ls ${folder}`);
  const before = await quotes(stack);
  await stack.exec(
    'app',
    `echo '{"film":"The Unseen","year":1999,"content":"Made after it.","speaker":"N"}' | quotes import -`,
  );
  t.not(await quotes(stack), before);
  await follow(stack.project, 'compose', backup);
  t.equal(await quotes(stack), before);

  // Where only the databases are, and nothing is in them.
  const script = `docker compose --project-name ${stack.project} exec -T app tar -c -C /var/lib/movie-quotes backups > ${there}`;
  t.equal((await run('env', [`IMAGE=${here}`, 'sh', '-c', script], ROOT)).status, 0);
  await stack.compose('stop');
  const other = await Compose.up(t, { image: here, services: [] });
  await follow(other.project, 'elsewhere', backup);
  t.equal(await quotes(other), before);
});
