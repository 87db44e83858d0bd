import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Readiness } from '../src/monitor/readiness.ts';
import { type Reply, request } from './fixtures/clients.ts';
import { addressOf, run, type Served } from './fixtures/served.ts';

const APP = join(import.meta.dirname, 'fixtures/apps/monitored.ts');

const serve = (t: Test, ...args: string[]) =>
  run(t, ['serve', `${APP}:app`, '-b', '127.0.0.1:0', '--monitor-bind', '127.0.0.1:0', ...args]);

/** The address of the monitor. */
async function monitorOf(served: Served): Promise<string> {
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  return `http://${(binds as string[])[0]}`;
}

/** Asks for readiness until the answer is as `wanted`; nobody tells when a worker's word has reached the arbiter. */
async function readiness(monitor: string, wanted: (reply: Reply, body: Readiness) => boolean): Promise<Readiness> {
  for (;;) {
    const reply = await request(`${monitor}/readyz`);
    const body = JSON.parse(reply.text) as Readiness;
    if (wanted(reply, body)) return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends `bytes` on a connection of its own: all that comes back until the other side closes. */
async function raw(monitor: string, bytes: string): Promise<string> {
  const socket = net.connect(Number(new URL(monitor).port), '127.0.0.1');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += chunk;
  return text;
}

t.test('health and metrics are answered on a bind of their own, and nothing else is', async (t) => {
  const served = serve(t);
  await addressOf(served);
  const monitor = await monitorOf(served);
  t.match(await request(`${monitor}/livez`), { status: 200, text: 'ok\n', headers: { 'cache-control': 'no-store' } });
  const ready = await request(`${monitor}/readyz?verbose`);
  t.match(ready, { status: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } });
  t.match(JSON.parse(ready.text), {
    ready: true,
    reasons: [],
    state: 'serving',
    workers: [{ worker: 1, ready: true }],
  });
  const metrics = await request(`${monitor}/metrics`);
  t.match(metrics, { status: 200, headers: { 'content-type': /^text\/plain; version=0\.0\.4/ } });
  t.match(metrics.text, /^tsgi_ready 1$/m);
  const head = await request(`${monitor}/readyz`, { method: 'HEAD' });
  t.match(head, { status: 200, text: '' });
  t.match(await request(`${monitor}/`), { status: 404 });
  t.match(await request(`${monitor}/livez/`), { status: 404 });
  t.match(await request(`${monitor}/metrics`, { method: 'DELETE' }), { status: 405, headers: { allow: 'GET, HEAD' } });
});

t.test('the server is ready while one of its workers says so, and tells the reason of each that is not', async (t) => {
  const served = serve(t);
  const url = await addressOf(served);
  const monitor = await monitorOf(served);
  await request(`${url}/unready?reason=the%20cache%20is%20cold`);
  const cold = await readiness(monitor, ({ status }) => status === 503);
  t.strictSame(cold.reasons, ['worker 1: the cache is cold']);
  await request(`${url}/unready?reason=the%20database%20is%20gone`);
  await readiness(monitor, (_, { reasons }) => reasons[0] === 'worker 1: the database is gone');
  // Another worker, which is ready.
  served.child.kill('SIGTTIN');
  const { workers } = await readiness(monitor, ({ status }) => status === 200);
  t.match(workers, [
    { worker: 1, state: 'accepting', ready: false, reason: 'the database is gone' },
    { worker: 2, state: 'accepting', ready: true, reason: '' },
  ]);
});

t.test('the monitor answers before the first worker is ready, and says that the server is starting', async (t) => {
  const folder = t.testdir({ 'app.mjs': 'export const app = { start: () => new Promise(() => {}), handle() {} };' });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--monitor-bind', '127.0.0.1:0'], {}, folder);
  const monitor = await monitorOf(served);
  t.match(await request(`${monitor}/livez`), { status: 200 });
  const body = await readiness(monitor, ({ status }, { workers }) => status === 503 && workers.length === 1);
  t.match(body, { reasons: ['the server is starting'], workers: [{ state: 'booting', reason: 'starting' }] });
});

t.test('a server that is told to stop is not ready at once, while it still serves', async (t) => {
  const served = serve(t, '--drain-delay', '60s');
  const url = await addressOf(served);
  const monitor = await monitorOf(served);
  served.child.kill('SIGTERM');
  const { reasons } = await readiness(monitor, ({ status }) => status === 503);
  t.strictSame(reasons, ['the server is draining']);
  t.match(await request(url), { status: 200 });
  t.match(await request(`${monitor}/livez`), { status: 200 });
  t.match((await request(`${monitor}/metrics`)).text, /^tsgi_ready 0$/m);
  served.child.kill('SIGQUIT');
  await served.exited;
});

t.test('the monitor answers while every worker hangs, and says so', async (t) => {
  const served = serve(t, '--workers', '2', '--timeout', '60s');
  const url = await addressOf(served);
  const monitor = await monitorOf(served);
  request(`${url}/hang`).catch(() => {});
  await readiness(monitor, (_, { workers }) => workers.some(({ reason }) => reason.startsWith('no beat')));
  t.match(await request(`${monitor}/readyz`), { status: 200 }, 'the other one is ready');
  // Nobody else accepts any more, so this one goes to the other.
  request(`${url}/hang`).catch(() => {});
  const { reasons } = await readiness(monitor, ({ status }) => status === 503);
  t.match(reasons, [/^worker 1: no beat for \d+ s$/, /^worker 2: no beat for \d+ s$/]);
  const silence = /^tsgi_worker_silence_seconds\{worker="1"\} (\S+)$/m;
  t.ok(Number(silence.exec((await request(`${monitor}/metrics`)).text)?.[1]) >= 3);
  t.match(await request(`${monitor}/livez`), { status: 200 });
  t.match((await request(`${monitor}/metrics`)).text, /^tsgi_workers\{state="accepting"\} 2$/m);
  // Workers that hang would outlive their arbiter until the time-out.
  served.child.kill('SIGKILL');
  for (const { msg, pid } of served.lines) if (/^worker \d starts$/.test(msg)) process.kill(pid as number, 'SIGKILL');
});

t.test('rubbish, bodies, half requests and a flood get an error reply, and nothing else happens', async (t) => {
  const served = serve(t);
  const url = await addressOf(served);
  const monitor = await monitorOf(served);
  const host = 'Host: monitor\r\n';
  t.match(await raw(monitor, '\x16\x03\x01 rubbish\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.match(await raw(monitor, `GET /${'x'.repeat(4000)} HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 414 /);
  t.match(await raw(monitor, `GET /livez HTTP/1.1\r\n${host}X: ${'y'.repeat(9000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  t.match(await raw(monitor, `POST /livez HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`), /^HTTP\/1\.1 413 /);
  t.match(await raw(monitor, 'CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n'), /^HTTP\/1\.1 501 /);
  // Half a request each: as many connections as there may be.
  const half = Array.from({ length: 64 }, () => {
    const socket = net.connect(Number(new URL(monitor).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /livez HT');
    return socket;
  });
  await Promise.all(half.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  t.match(await raw(monitor, ''), /^HTTP\/1\.1 503 /, 'one connection too many');
  t.match(await request(url), { status: 200 }, 'the application does not notice');
  const texts = await Promise.all(
    half.map(async (socket) => {
      let text = '';
      for await (const chunk of socket.setEncoding('latin1')) text += chunk;
      return text;
    }),
  );
  t.ok(texts.every((text) => text.startsWith('HTTP/1.1 408 ')));
  t.match(await request(`${monitor}/livez`), { status: 200 });
  t.strictSame(
    served.lines.filter(({ level }) => Number(level) > 30),
    [],
    'the log is not filled with it',
  );
});

t.test('a monitor on a Unix socket is for its owner and group, and gone when the server is', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'monitor.sock');
  const served = serve(t, '--monitor-bind', `unix:${path}`, '--monitor-bind', '127.0.0.1:0');
  await addressOf(served);
  t.equal(statSync(path).mode & 0o777, 0o660);
  t.match(await request('http://monitor/readyz', { socketPath: path }), { status: 200 });
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  t.notOk(existsSync(path));
});

t.test('a monitor bind that is taken ends the start with status 2 and one line', async (t) => {
  const monitor = await monitorOf(serve(t));
  const second = serve(t, '--monitor-bind', new URL(monitor).host);
  t.equal(await second.exited, 2);
  t.match(second.errors(), /^tsgi: .* in use.*\n$/);
  t.notOk(
    second.lines.some(({ msg }) => msg.startsWith('worker ')),
    'no worker was started',
  );
});

t.test('without a monitor bind there is no monitor', async (t) => {
  const served = run(t, ['serve', `${APP}:app`, '-b', '127.0.0.1:0']);
  await addressOf(served);
  t.notOk(served.lines.some(({ msg }) => msg.startsWith('monitor ')));
});
