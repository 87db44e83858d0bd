import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { addressOf, run } from './fixtures/served.ts';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

/** An application that logs each target and answers with its process. */
const TALKING = `export const app = {
  handle({ target }, { log, generation }) {
    log.info({ target }, 'asked for ' + target);
    return { status: 200, headers: [], body: process.pid + ' ' + generation };
  },
};`;

async function ask(url: string, agent?: http.Agent): Promise<string> {
  const [reply] = (await once(http.get(url, { agent: agent ?? false }), 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of reply) text += chunk;
  return text;
}

/** Resolves when `holds`, which only asking can tell of another process's doing. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

const serveIn = (t: Test, folder: string, ...args: string[]) =>
  run(t, ['serve', './app.mjs:app', '--reload-watch', '100ms', ...args], {}, folder);

t.test('USR1 opens the log of arbiter and workers and the access log again', async (t) => {
  const folder = t.testdir({ 'app.mjs': TALKING });
  const [log, access] = [join(folder, 'server.log'), join(folder, 'access.log')];
  const served = serveIn(t, folder, '-b', '127.0.0.1:0', '--log-file', log, '--access-logfile', access);
  const has = (file: string, text: string) => existsSync(file) && readFileSync(file, 'utf8').includes(text);
  await until(() => has(log, '"binds"'));
  const url = `http://${/"binds":\["([^"]+)"\]/.exec(readFileSync(log, 'utf8'))?.[1]}`;
  await ask(`${url}/before`);
  await until(() => has(access, '/before'));
  for (const file of [log, access]) renameSync(file, `${file}.1`);
  served.child.kill('SIGUSR1');
  await until(() => existsSync(log) && existsSync(access));
  await ask(`${url}/after`);
  await until(() => has(access, '/after'));
  t.ok(has(log, 'asked for /after'), "the worker's log");
  t.notOk(has(`${log}.1`, 'asked for /after'));
  served.child.kill('SIGHUP');
  await until(() => has(log, '"reloaded"'));
  t.notOk(has(`${log}.1`, '"reloaded"'), "the arbiter's log");
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
});

t.test('a reader of the standard output that has gone ends neither arbiter nor workers', async (t) => {
  const folder = t.testdir({ 'app.mjs': TALKING });
  const served = serveIn(t, folder, '-b', '127.0.0.1:0', '-w', '2', '--access-logfile', '-');
  const url = await addressOf(served);
  served.child.stdout?.destroy();
  for (let i = 0; i < 20; i++) await ask(url);
  served.child.kill('SIGHUP');
  await until(async () => (await ask(url)).endsWith(' 2'));
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
});

t.test('workers that share a pipe with a slow reader write whole lines to it, and none is lost', async (t) => {
  const folder = t.testdir({ 'app.mjs': TALKING });
  const [fifo, out] = [join(folder, 'fifo'), join(folder, 'out')];
  execFileSync('mkfifo', [fifo]);
  const pipe = openSync(fifo, 'r+');
  const args = ['-w', '2', '-b', '127.0.0.1:0', '--access-logfile', '-', '--access-log-format', '{target} end'];
  const server = spawn(process.execPath, ['--conditions=@tsgi/source', CLI, 'serve', './app.mjs:app', ...args], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', TSGI_CONTROL_SOCKET: 'off', TSGI_LOG_FILE: join(folder, 'server.log') },
    stdio: ['ignore', pipe, 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const ended = once(server, 'close');
  let binds: string[] | undefined;
  await until(() => {
    const lines = existsSync(join(folder, 'server.log')) ? readFileSync(join(folder, 'server.log'), 'utf8') : '';
    binds = /"binds":\["([^"]+)"\]/.exec(lines)?.slice(1);
    return binds !== undefined;
  });
  // The pipe holds 64 KiB: with these targets both workers come to wait for the reader, in the middle of a batch.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const targets = Array.from({ length: 1500 }, (_, i) => `/${i}/${'x'.repeat(i % 200)}`);
  await Promise.all(targets.map((target) => ask(`http://${binds?.[0]}${target}`, agent)));
  agent.destroy();
  const reader = spawn('sh', ['-c', 'cat "$0" > "$1"', fifo, out], { stdio: 'inherit' });
  const read = once(reader, 'close');
  server.kill('SIGTERM');
  t.strictSame(await ended, [0, null]);
  closeSync(pipe);
  await read;
  const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
  t.strictSame(lines.toSorted(), targets.map((target) => `${target} end`).toSorted());
});

t.test('a log that cannot be opened is an error of the start', async (t) => {
  const folder = t.testdir({ 'app.mjs': TALKING });
  for (const [flag, status] of [
    ['--log-file', 2],
    ['--access-logfile', 3],
  ] as const) {
    const served = serveIn(t, folder, '-b', '127.0.0.1:0', flag, './no/such/folder/x.log');
    t.equal(await served.exited, status);
    t.match(served.errors(), /no\/such\/folder\/x\.log cannot be opened: ENOENT/);
  }
});
