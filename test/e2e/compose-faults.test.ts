// The stack of compose.yaml when something is wrong: what visitors get while the application is away, and what somebody who
// runs it reads in `docker compose ps` and in the logs. Nothing is tried again and again without a pause.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { noCompose, Stack, until } from './compose.ts';

/** Seconds for which MariaDB is not there yet. */
const LATE = 20;
/** In which the application must be seen again once it accepts. */
const BACK = 2000;

/** Writes a Compose file that goes over compose.yaml. */
async function override(t: Test, services: Readonly<Record<string, object>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-e2e-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'compose.json'), JSON.stringify({ services }));
  return join(folder, 'compose.json');
}

/** What `docker compose ps` says of each service, as in `Up 3 seconds (healthy)`. */
async function states(stack: Stack): Promise<Record<string, string>> {
  const lines = await stack.compose('ps', '--all', '--format', '{{.Service}}\t{{.Status}}');
  return Object.fromEntries(lines.split('\n').map((line) => line.split('\t') as [string, string]));
}

async function inspect(format: string, container: string): Promise<string> {
  const { stdout } = await run('docker', ['inspect', '--format', format, container], ROOT);
  return stdout.trim();
}

/** The first container of a service. */
const first = async (stack: Stack, service: string): Promise<string> => (await stack.containers(service))[0] as string;

/** Percent of a processor. */
async function processorOf(container: string): Promise<number> {
  const { stdout } = await run('docker', ['stats', '--no-stream', '--format', '{{.CPUPerc}}', container], ROOT);
  return Number.parseFloat(stdout);
}

const skip = noCompose();

t.test('a secret that was lost is named, and nothing starts without it', { skip }, async (t) => {
  const secrets = await mkdtemp(join(tmpdir(), 'tsgi-e2e-'));
  t.teardown(() => rm(secrets, { recursive: true, force: true }));
  const stack = await Stack.up(t, { services: [], env: { SECRETS: secrets } });
  for (const name of ['database_password', 'mariadb_root_password', 'mongodb_password', 'api_token'])
    await writeFile(join(secrets, name), 'a secret of at least thirty-two characters');
  const { status, stderr } = await stack.try('up', '--detach', '--wait');
  t.not(status, 0);
  t.match(stderr, /secrets.* didn't complete successfully: exit 1/);
  t.match(await stack.logs('secrets'), /session_secret is missing; put it back: /);
  const { secrets: ended, ...others } = await states(stack);
  t.match(ended, /^Exited \(1\)/);
  t.strictSame(new Set(Object.values(others)), new Set(['Created']), 'nothing else has started');
});

t.test('MongoDB that never comes up', { skip }, async (t) => {
  const file = await override(t, {
    mongodb: {
      entrypoint: ['sh', '-c', 'echo waiting for a disk; exec sleep infinity'],
      // In place of two minutes.
      healthcheck: { start_period: '1s', interval: '1s', retries: 3 },
    },
  });
  const stack = await Stack.up(t, { services: [], files: [file] });
  const { status, stderr } = await stack.try('up', '--detach', '--wait');
  t.not(status, 0);
  t.match(stderr, /mongodb.* is unhealthy/, 'docker compose up says who it is');
  const state = await states(stack);
  t.match(state, { mongodb: /unhealthy/, migrate: 'Created', app: 'Created', nginx: 'Created' });
  t.match(await stack.logs('mongodb'), /waiting for a disk/);
  const container = await first(stack, 'mongodb');
  t.equal(await inspect('{{.RestartCount}}', container), '0');
  t.comment(`asked for its health each second it takes ${await processorOf(container)}% of a processor`);
});

t.test('a stack whose MariaDB comes late', { skip }, async (t) => {
  const late = `sleep ${LATE}; exec docker-entrypoint.sh mariadbd`;
  const file = await override(t, { mariadb: { entrypoint: ['sh', '-c', late] } });
  const begun = performance.now();
  const stack = await Stack.up(t, { files: [file] });
  const url = await stack.url();
  const app = await first(stack, 'app');

  await t.test('waits for it, and starts nothing twice', async (t) => {
    t.comment(`it was up after ${((performance.now() - begun) / 1000).toFixed(1)} s, with MariaDB ${LATE} s late`);
    t.match(await states(stack), { migrate: /^Exited \(0\)/, app: /healthy/, nginx: /healthy/, mariadb: /healthy/ });
    for (const service of ['app', 'migrate', 'mariadb', 'nginx'])
      t.equal(await inspect('{{.RestartCount}}', await first(stack, service)), '0', service);
    t.equal((await fetch(`${url}/api/v1/quotes/random`)).status, 200);
  });

  await t.test('while the application is away there is what was kept, and else a page or JSON', async (t) => {
    const kept = ['/', '/cache-me', '/quotes', '/api/v1/quotes'];
    for (const path of kept) t.equal((await fetch(url + path)).headers.get('x-cache-status'), 'MISS', path);
    await stack.compose('kill', 'app');
    const gone = async () => (await fetch(`${url}/about`)).status;
    t.comment(`/about is answered with ${await until(gone, (status) => status >= 500)}`);
    for (const path of kept) {
      const reply = await fetch(url + path);
      t.equal(reply.status, 200, `${path} is still there`);
      t.match(reply.headers.get('x-cache-status'), /^(HIT|STALE|UPDATING)$/);
    }
    const page = await fetch(`${url}/about`);
    t.ok([502, 503, 504].includes(page.status), String(page.status));
    t.match(page.headers.get('content-type'), 'text/html');
    t.match(await page.text(), /http-equiv="refresh"/, 'it loads itself again');
    for (const method of ['GET', 'POST']) {
      const path = method === 'GET' ? '/api/v1/quotes/random' : '/api/v1/quotes/7/reactions';
      const reply = await fetch(url + path, { method });
      t.ok([502, 503, 504].includes(reply.status), String(reply.status));
      t.equal(reply.headers.get('content-type'), 'application/problem+json');
      t.match(await reply.json(), { title: 'Not available at the moment' });
      t.equal(reply.headers.get('retry-after'), '10');
    }
  });

  await t.test(`it is back within ${BACK / 1000} s of the application's return`, async (t) => {
    await stack.compose('start', 'app');
    // Asked from inside, since when it answers.
    const script = `const ask = () => fetch('http://127.0.0.1:5000/hello').then(() => console.log(Date.now()), () => setTimeout(ask, 20)); ask();`;
    const accepts = stack.compose('exec', '--no-TTY', 'app', 'node', '-e', script);
    const seen = until(
      () => fetch(`${url}/hello`),
      ({ status }) => status === 200,
    ).then(() => Date.now());
    const after = (await seen) - Number(await accepts);
    t.comment(`visitors see it ${after} ms after it answers`);
    t.ok(after < BACK, `${after} ms`);
  });

  await t.test('a wrong password for MariaDB is said, and is not tried without a pause', async (t) => {
    const put = (text: string) =>
      stack.compose(
        'run',
        '--rm',
        '--no-TTY',
        '--no-deps',
        'secrets',
        'sh',
        '-c',
        `printf %s '${text}' >database_password`,
      );
    const right = await stack.exec('mariadb', 'cat /run/secrets/database_password');
    await put('not the password');
    const up = await stack.try('up', '--detach', '--wait', '--force-recreate', '--no-deps', 'migrate');
    t.not(up.status, 0);
    t.match(await stack.logs('migrate'), /refused the connection/);
    t.match(await states(stack), { migrate: /^Exited \(3\)/, app: /^Up / }, 'what serves goes on');
    t.equal((await fetch(`${url}/api/v1/quotes/random`)).status, 200);

    const started = Date.now();
    await stack.compose('restart', 'app');
    const restarts = async () => Number(await inspect('{{.RestartCount}}', app));
    await until(restarts, (count) => count >= 3);
    const often = await until(restarts, () => Date.now() - started > 15_000);
    t.comment(`${often} restarts of the container in ${((Date.now() - started) / 1000).toFixed(0)} s`);
    t.ok(often < 10, 'Docker waits longer and longer');
    t.match((await states(stack)).app, /^Restarting \(3\)|health: starting/);
    t.match(await stack.logs('app'), /refused the connection.*password/s);
    t.ok([502, 503, 504].includes((await fetch(`${url}/about`)).status));

    await put(right);
    await until(
      () => fetch(`${url}/api/v1/quotes/random`),
      ({ status }) => status === 200,
    );
    t.pass('with the right one it comes back by itself');
  });
});
