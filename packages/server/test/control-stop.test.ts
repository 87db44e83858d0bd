// A server that is stopped in any phase, or does not answer.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { NEVER_STARTS, placeFor, untilInFlight } from './fixtures/place.ts';
import { addressOf } from './fixtures/served.ts';

test('stop waits for what is in flight, and until the process is gone', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2');
  const url = await addressOf(served);
  const pending = fetch(`${url}/drain`);
  await untilInFlight(place);
  const stopped = await place.tsgi('stop');
  t.equal(stopped.status, 0, stopped.stderr);
  t.match(stopped.stdout, /^stopping tsgi, process \d+\n/);
  t.match(stopped.stdout, /worker \d of generation 1 drains \(stopped\), 1 request in flight\n/);
  t.match(stopped.stdout, /worker 2 of generation 1 is gone \(stopped\)\n/);
  t.match(stopped.stdout, /\nstopped\n$/);
  t.equal(await served.exited, 0);
  t.equal(await (await pending).text(), 'served');
  t.equal((await place.tsgi('stop')).status, 4);
});

test('while a server stops, it says so to everybody else, and stop --fast cuts it short', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--graceful-timeout', '1h');
  const url = await addressOf(served);
  const cut = t.rejects(fetch(`${url}/never`));
  await untilInFlight(place);
  const patient = place.tsgi('stop');
  while (!(await place.tsgi('status')).stdout.startsWith('tsgi: draining'));
  for (const command of [['reload'], ['scale', '2'], ['workers', 'kill', '1']]) {
    const refused = await place.tsgi(...command);
    t.equal(refused.status, 1, command.join(' '));
    t.equal(refused.stderr, 'tsgi: the server is stopping; 1 worker has yet to leave\n');
  }
  t.equal((await place.tsgi('stop', '--fast')).status, 0);
  await cut;
  t.equal((await patient).status, 0);
  t.equal(await served.exited, 0);
});

test('a stop during the start ends everything, and serve with status 0', async (t) => {
  const hangs = 'for (;;);';
  for (const [code, args] of [
    [NEVER_STARTS, ['stop']],
    [NEVER_STARTS, ['stop', '--fast']],
    [hangs, ['stop']],
  ] as const) {
    const place = placeFor(t, { 'app.mjs': code });
    const socket = join(place.folder, 'app.sock');
    const served = place.serve('--workers', '3', '--reload-batch', '2', '-b', `unix:${socket}`);
    const { pid } = await served.until(({ msg }) => msg === 'worker 2 starts');
    t.match((await place.tsgi('status')).stdout, /^tsgi: starting, /);
    const stopped = await place.tsgi(...args);
    t.equal(stopped.status, 0, stopped.stderr);
    t.equal(await served.exited, 0);
    t.equal(served.errors(), '');
    t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
    t.notOk(
      served.lines.some(({ msg }) => msg === 'worker 3 starts'),
      'no further worker is started',
    );
    t.strictSame(readdirSync(place.folder).sort(), ['app.mjs', 'tmp'], 'no socket is left behind');
  }
});

test('TERM during the start ends serve with status 0', async (t) => {
  const place = placeFor(t, { 'app.mjs': NEVER_STARTS });
  const served = place.serve();
  await served.until(({ msg }) => msg === 'worker 1 starts');
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
});

test('a stop during a reload ends both generations, and what is in flight is finished', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2');
  const url = await addressOf(served);
  const pending = fetch(`${url}/drain`);
  await untilInFlight(place);
  place.write('app.mjs', NEVER_STARTS);
  const reload = place.tsgi('reload');
  await served.until(({ msg, generation }) => msg === 'worker 2 starts' && generation === 2);
  const stopped = await place.tsgi('stop');
  t.equal(stopped.status, 0, stopped.stderr);
  t.equal(await served.exited, 0);
  t.equal(await (await pending).text(), 'served');
  const failed = await reload;
  t.equal(failed.status, 1);
  t.match(failed.stderr, /^tsgi: the server is stopping/);
  t.ok(served.lines.some(({ msg }) => msg === 'the reload is given up: the server is stopping'));
  t.notOk(
    served.lines.some(({ level }) => Number(level) >= 50),
    'nothing of it is an error',
  );
});

test('reload and scale during the start wait for its end', async (t) => {
  const place = placeFor(t, {
    'app.mjs': `import { existsSync } from 'node:fs';
      export const app = {
        handle: () => ({ status: 200, headers: [], body: '' }),
        start: async () => { while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20)); },
      };`,
  });
  const served = place.serve('--reload-watch', '100ms');
  await served.until(({ msg }) => msg === 'worker 1 starts');
  const reload = place.tsgi('reload');
  const scale = place.tsgi('scale', '2');
  while (!(await place.tsgi('status')).stdout.startsWith('tsgi: starting'));
  place.write('go', '');
  const [reloaded, scaled] = await Promise.all([reload, scale]);
  t.equal(reloaded.status, 0, reloaded.stderr);
  t.equal(scaled.status, 0, scaled.stderr);
  t.match((await place.tsgi('status')).stdout, /^tsgi: serving, generation 2, 2 of 2 workers accept/);
});

test('a server that does not answer is told from one that is not there', async (t) => {
  const place = placeFor(t);
  const served = place.serve();
  await addressOf(served);
  served.child.kill('SIGSTOP');
  const asked = await place.tsgi('status');
  t.equal(asked.status, 1);
  t.match(asked.stderr, /^tsgi: the server at .* has not answered for 5 s; .*\n$/);
  served.child.kill('SIGCONT');
  t.equal((await place.tsgi('status')).status, 0);
});

test('a server that is killed during a command ends the command', async (t) => {
  const place = placeFor(t);
  const served = place.serve();
  await addressOf(served);
  place.write('app.mjs', NEVER_STARTS);
  const reload = place.tsgi('reload');
  await served.until(({ msg, generation }) => msg === 'worker 1 starts' && generation === 2);
  served.child.kill('SIGKILL');
  const { status, stderr } = await reload;
  t.equal(status, 1);
  t.match(stderr, /^tsgi: the server at .* has ended before it answered; its log tells why\n$/);
});
