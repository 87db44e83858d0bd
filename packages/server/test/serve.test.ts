import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { addressOf, run } from './fixtures/served.ts';

const APP = join(import.meta.dirname, 'fixtures/apps/plain.ts');

interface Answer {
  readonly pid: number;
  readonly worker: number;
  readonly generation: number;
}

async function ask(url: string, agent?: http.Agent): Promise<Answer> {
  const [reply] = (await once(http.get(url, { agent: agent ?? false }), 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of reply) text += chunk;
  return JSON.parse(text);
}

/** Clients that ask without a pause, one request at a time each; `stop` resolves to how many answers came and what failed. */
function startClients(url: string, clients: number): { stop(): Promise<{ answers: number; failures: unknown[] }> } {
  let stopping = false;
  let answers = 0;
  const failures: unknown[] = [];
  const over = Promise.all(
    Array.from({ length: clients }, async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      while (!stopping) {
        await ask(url, agent).then(
          () => answers++,
          (error) => failures.push(error),
        );
      }
      agent.destroy();
    }),
  );
  return {
    async stop() {
      stopping = true;
      await over;
      return { answers, failures };
    },
  };
}

const serve = (t: Test, ...args: string[]) => run(t, ['serve', `${APP}:app`, '-b', '127.0.0.1:0', ...args]);

t.test('several workers serve one socket, and TERM ends them with status 0', async (t) => {
  const served = serve(t, '--workers', '2');
  const url = await addressOf(served);
  const pids = new Set<number>();
  while (pids.size < 2) pids.add((await ask(url)).pid);
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

t.test('a Unix socket is there with its mode while it is served, and gone afterwards', async (t) => {
  // Not in the test's own folder, whose name is too long for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'app.sock');
  const served = run(t, ['serve', `${APP}:app`, '-b', `unix:${path}`, '--socket-mode', '600']);
  await addressOf(served);
  t.equal(statSync(path).mode & 0o777, 0o600);
  const [reply] = (await once(http.get({ socketPath: path, path: '/' }), 'response')) as [http.IncomingMessage];
  reply.resume();
  t.equal(reply.statusCode, 200);
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  t.notOk(existsSync(path));
});

t.test('a reload replaces every worker, and no request is lost', async (t) => {
  const served = serve(t, '--workers', '2', '--reload-watch', '100ms');
  const url = await addressOf(served);
  const clients = startClients(url, 20);
  for (let generation = 2; generation <= 4; generation++) {
    const from = served.lines.length;
    served.child.kill('SIGHUP');
    await served.until(({ msg }) => msg === 'reloaded', from);
    t.equal((await ask(url)).generation, generation);
  }
  const { answers, failures } = await clients.stop();
  t.strictSame(failures, []);
  t.ok(answers > 0);
});

t.test('a reload to code that does not start changes nothing, and the next good one works', async (t) => {
  const folder = t.testdir({ 'app.mjs': `export { app } from ${JSON.stringify(APP)};` });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '-w', '2', '--reload-watch', '100ms'], {}, folder);
  const url = await addressOf(served);
  const { pid } = await ask(url);
  const clients = startClients(url, 10);
  const broken = [
    'throw new Error("at import")',
    'export const app = { handle() {}, start() { throw new Error("at start"); } }',
    'export const app = { handle() {}, start() { setTimeout(() => process.exit(9), 20); } }',
    'export const nothing = 1;',
  ];
  for (const code of broken) {
    const from = served.lines.length;
    writeFileSync(join(folder, 'app.mjs'), code);
    served.child.kill('SIGHUP');
    const line = await served.until(({ msg }) => msg.startsWith('reload failed'), from);
    t.match(line.msg, /generation 1 serves on: worker \d (failed|exited)/);
  }
  t.equal((await ask(url)).generation, 1);
  t.doesNotThrow(() => process.kill(pid, 0));
  writeFileSync(join(folder, 'app.mjs'), `export { app } from ${JSON.stringify(APP)};`);
  served.child.kill('SIGHUP');
  await served.until(({ msg }) => msg === 'reloaded');
  t.strictSame((await clients.stop()).failures, []);
  t.equal((await ask(url)).generation, 2);
});

t.test('TTIN and TTOU add and take away a worker', async (t) => {
  const served = serve(t);
  const url = await addressOf(served);
  served.child.kill('SIGTTIN');
  const workers = new Set<number>();
  while (workers.size < 2) workers.add((await ask(url)).worker);
  served.child.kill('SIGTTOU');
  await served.until(({ msg }) => msg === 'worker 2 has left: scaled down');
  t.equal((await ask(url)).worker, 1);
});

t.test('a worker that is killed or exits is named with its reason and replaced', async (t) => {
  const served = serve(t, '--workers', '2');
  const url = await addressOf(served);
  const clients = startClients(url, 5);
  const { pid, worker } = await ask(url);
  process.kill(pid, 'SIGKILL');
  await served.until(({ msg }) => msg === `worker ${worker} was killed by SIGKILL`);
  await served.until(({ msg, pid: other }) => msg === `worker ${worker} starts` && other !== pid);
  await t.rejects(ask(`${url}/exit`));
  await served.until(({ msg }) => /^worker \d exited with status 7: process\.exit\(\) was called$/.test(msg));
  const { failures } = await clients.stop();
  // What was in flight in the two that died, and nothing else: a client has one request at a time.
  t.ok(failures.length <= 10, `${failures.length} of the requests in flight failed`);
  t.equal((await ask(url)).generation, 1);
});

t.test('a worker is recycled after its requests, and no request is lost', async (t) => {
  const served = serve(t, '--workers', '2', '--max-requests', '50', '--max-requests-jitter', '20');
  const url = await addressOf(served);
  const clients = startClients(url, 10);
  await served.until(({ msg }) => /^worker 1 has left: recycled: it served \d+ requests$/.test(msg));
  await served.until(({ msg }) => /^worker 2 has left: recycled/.test(msg));
  t.strictSame((await clients.stop()).failures, []);
});

t.test('a main loop that hangs is told with its stack and the request, and the worker replaced', async (t) => {
  const served = serve(t, '--workers', '2', '--timeout', '3s');
  const url = await addressOf(served);
  const hung = t.rejects(ask(`${url}/hang`));
  const line = await served.until(({ stack }) => stack !== undefined);
  t.match((line.stack as string[])[0], /^handle \(.*plain\.ts:\d+:\d+\)$/);
  t.match((line.requests as { request: string }[])[0]?.request, /GET \/hang$/);
  for (let i = 0; i < 5; i++) await ask(url);
  await served.until(({ msg }) => /hangs: no beat for 3000 ms; it is replaced/.test(msg));
  await hung;
  await served.until(({ msg, worker }) => msg === `worker ${worker} has left: it hung`);
});

t.test('workers leave when their arbiter is gone, also one that hangs', async (t) => {
  const served = serve(t, '--workers', '2', '--timeout', '3s');
  const url = await addressOf(served);
  const pids = new Set<number>();
  while (pids.size < 2) pids.add((await ask(url)).pid);
  const hung = t.rejects(ask(`${url}/hang`));
  await served.until(({ stack }) => stack !== undefined);
  served.child.kill('SIGKILL');
  await hung;
  // Nobody tells when a process of somebody else's is gone; asking is the only way.
  while ([...pids].some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 50));
  t.pass('all gone');
});

t.test('USR1 opens no debugger and ends nobody', async (t) => {
  const served = serve(t);
  const url = await addressOf(served);
  const { pid } = await ask(url);
  served.child.kill('SIGUSR1');
  process.kill(pid, 'SIGUSR1');
  t.equal((await ask(url)).pid, pid);
  await t.rejects(fetch('http://127.0.0.1:9229/json'));
  t.equal(served.errors(), '');
});

t.test('an application that cannot start ends the first start with status 3 and its own error', async (t) => {
  const folder = t.testdir({ 'app.mjs': 'throw new Error("no database at all")' });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0'], {}, folder);
  t.equal(await served.exited, 3);
  t.match(served.errors(), /^tsgi: worker 1 failed to load: .*no database at all/);
  t.match(served.errors(), /app\.mjs:1/);
});

t.test('wrong settings and binds end with status 2 and one line', async (t) => {
  const { child, until } = serve(t);
  const { binds } = (await until(({ msg }) => msg.startsWith('serving '))) as unknown as { binds: string[] };
  const wrong: [string[], RegExp][] = [
    [['--worker', '2'], /unknown option '--worker'.*--workers/],
    [['--workers', 'many'], /--workers is "many"; it takes a whole number/],
    [['-b', String(binds[0])], /in use/],
    [['-b', 'unix:/no/such/folder/x.sock'], /folder of the socket/],
  ];
  for (const [args, message] of wrong) {
    const failing = run(t, ['serve', `${APP}:app`, ...args]);
    t.equal(await failing.exited, 2, args.join(' '));
    t.match(failing.errors(), message);
    t.equal(failing.errors().trimEnd().split('\n').length, 1);
  }
  child.kill('SIGTERM');
});

t.test('workers get the variables of an environment file, and the path of a mount', async (t) => {
  const folder = t.testdir({
    'app.env': 'GREETING="hello there"',
    'app.mjs': `export const app = {
      handle: ({ target, mountPath }) => ({
        status: 200,
        headers: [],
        body: JSON.stringify({ greeting: process.env.GREETING, target, mountPath }),
      }),
    };`,
  });
  const args = ['serve', './app.mjs', '-b', '127.0.0.1:0', '--env-file', 'app.env', '--mount-path', '/shop'];
  const url = await addressOf(run(t, args, {}, folder));
  t.strictSame(await ask(`${url}/shop/x`), { greeting: 'hello there', target: '/x', mountPath: '/shop' });
});

t.test('workers are told who they are and where they listen', async (t) => {
  const folder = t.testdir({
    'app.mjs': `const { TSGI_WORKER: worker, TSGI_GENERATION: generation, TSGI_LISTENING: listening } = process.env;
    export const app = {
      handle: () => ({ status: 200, headers: [], body: JSON.stringify({ worker, generation, listening }) }),
    };`,
  });
  const path = `/tmp/tsgi-told-${process.pid}.sock`;
  const url = await addressOf(run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '-b', `unix:${path}`], {}, folder));
  const listening = `${new URL(url).host},unix:${path}`;
  t.strictSame(await ask(url), { worker: '1', generation: '1', listening });
});

t.test('the access log has a line for each request, written at the latest when the worker leaves', async (t) => {
  const file = join(t.testdir(), 'access.log');
  const served = serve(t, '--access-logfile', file, '--access-log-format', '{method} {target} {status}');
  const url = await addressOf(served);
  for (let i = 0; i < 30; i++) await ask(`${url}/${i}`);
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  t.strictSame(
    readFileSync(file, 'utf8').trimEnd().split('\n'),
    Array.from({ length: 30 }, (_, i) => `GET /${i} 200`),
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
