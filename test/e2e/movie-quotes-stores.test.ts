// The whole suite of Movie Quotes, served in each way and on each pair of databases: `pnpm test` runs it injected, on the
// embedded ones.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { run, start } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing } from './container.ts';

const PACKAGE = join(ROOT, 'packages/app-movie-quotes');
const IMAGES = ['mariadb:11.8', 'mongo:8'] as const;

interface Way {
  /** See test/fixtures/served.ts of the package. */
  readonly served: string;
  readonly mariadb?: true;
  readonly mongodb?: true;
}

/** Each way once, and each database with each other. */
const WAYS: readonly Way[] = [
  { served: 'tcp', mariadb: true, mongodb: true },
  { served: 'unix', mongodb: true },
  { served: 'mount', mariadb: true },
  { served: 'express' },
];

/** Runs the suite, and gives the lines that tell what failed: files, tests and assertions, and where. */
async function runSuite(environment: Record<string, string>): Promise<{ status: number | null; failures: string[] }> {
  // tap tells its child processes by variables that they are; this one is nobody's child.
  const own = Object.entries(process.env).filter(([name]) => !/^_?TAP/.test(name) && name !== 'NODE_OPTIONS');
  const bin = join(ROOT, 'node_modules/.bin');
  const child = start('tap', ['--disable-coverage', '--jobs=2', '--timeout=180', '--reporter=tap'], {
    cwd: PACKAGE,
    env: { ...Object.fromEntries(own), PATH: `${bin}:${process.env.PATH}`, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
  ]);
  const status = await ended;
  const failures = stdout
    .split('\n')
    .filter((line) => /^ *not ok (?!.*# (SKIP|TODO))|^ +(fileName|lineNumber): /.test(line));
  return { status, failures: status === 0 ? [] : [...failures, ...stderr.split('\n').slice(-20)] };
}

/** `docker port` of a container's port, as `127.0.0.1:PORT`. */
async function addressOf(container: Container, port: number): Promise<string> {
  const { stdout } = await run('docker', ['port', container.name, `${port}/tcp`], ROOT);
  return stdout.trim();
}

async function startMariadb(t: Test): Promise<string> {
  const password = randomBytes(12).toString('hex');
  const options = [
    '--publish',
    '127.0.0.1::3306',
    '--tmpfs',
    '/var/lib/mysql',
    '--env',
    `MARIADB_ROOT_PASSWORD=${password}`,
  ];
  const container = await Container.start(t, 'mariadb:11.8', options, ['mariadbd', '--max-connections=500']);
  await container.until('healthcheck.sh --connect --innodb_initialized && echo up', (printed) => printed === 'up');
  return `mariadb://root:${password}@${await addressOf(container, 3306)}/`;
}

async function startMongodb(t: Test): Promise<string> {
  const container = await Container.start(t, 'mongo:8', ['--publish', '127.0.0.1::27017']);
  const ping = `mongosh --quiet --eval 'db.runCommand({ ping: 1 }).ok'`;
  await container.until(ping, (printed) => printed.endsWith('1'));
  return `mongodb://${await addressOf(container, 27017)}/`;
}

t.test('the suite of Movie Quotes', { skip: missing(...IMAGES) }, async (t) => {
  const mariadbUrl = await startMariadb(t);
  const mongodbUrl = await startMongodb(t);
  for (const { served, mariadb, mongodb } of WAYS) {
    const name = `${served}, ${mariadb ? 'MariaDB' : 'SQLite'}, ${mongodb ? 'MongoDB' : 'no MongoDB'}`;
    const { status, failures } = await runSuite({
      MQ_TEST_SERVED: served,
      ...(mariadb && { MQ_TEST_DATABASE: mariadbUrl }),
      ...(mongodb && { MQ_TEST_MONGODB: mongodbUrl }),
    });
    t.equal(status, 0, name, { failures });
  }
});
