// Workers that hang, and workers that come to a bad end: the log says which, where and why, a replacement follows, and
// everything else serves on.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Answer, ask, connectionsOf, type Line, type Served, serve, type Target } from './fixtures/served.ts';

type Tcp = Target & { readonly kind: 'tcp' };

/** Asks on a new connection each time until `over`; every one must be answered, and none by `not`. */
async function askUntil(over: Promise<unknown>, target: Target, not: number): Promise<Answer[]> {
  let done = false;
  over.finally(() => {
    done = true;
  });
  const answers: Answer[] = [];
  while (!done) {
    answers.push(await ask(target));
    if (answers.at(-1)?.pid === not) break;
    await delay(5);
  }
  return answers;
}

/** The worker that a line is about, by its number, has been replaced. */
const replaced = (served: Served, worker: number, pid: number): Promise<Line> =>
  served.until((line) => line.msg === `worker ${worker} starts` && line.pid !== pid);

const HANGS: [fault: string, where: RegExp][] = [
  ['loop', /^endlessLoop \(.*fixtures\/faults\.ts:\d+:\d+\)$/],
  ['regex', /^catastrophicMatch \(.*fixtures\/faults\.ts:\d+:\d+\)$/],
  ['crypto', /^inside a native call or a child process$/],
];

for (const [fault, where] of HANGS) {
  t.test(`a worker that hangs in a ${fault} is told and replaced, while the others answer`, async (t) => {
    const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '2', '--timeout', '3s']);
    const target = (await served.target()) as Tcp;
    // A kept connection finds the same worker again.
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const held = await get(target, '/', agent);
    const idle = await heldBy(t, target, held.pid, 3);
    t.equal(idle, 4);
    const answer = get(target, `/fault/${fault}?x=1`, agent).then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code,
    );
    const told = served.until(({ msg }) => /^worker \d hangs for \d+ ms: /.test(msg));
    const answers = askUntil(replaced(served, held.worker, held.pid), target, held.pid);
    const line = await told;
    t.match(line.msg.replace(/^worker \d hangs for \d+ ms: /, ''), where);
    t.equal(line.worker, held.worker);
    const [request] = line.requests as { request: string; ms: number }[];
    t.match(request?.request, new RegExp(`^\\S+ GET /fault/${fault}\\?x=1$`), 'with its id, method and target');
    t.type(request?.ms, 'number');
    const killed = await served.until(({ msg }) => /hangs: no beat for 3000 ms; it is replaced$/.test(msg));
    t.equal(killed.worker, held.worker);
    t.equal(killed.pid, held.pid);
    t.equal(killed.connections, idle, 'the connections that it held are counted');
    t.equal(await answer, 'ECONNRESET');
    const others = await answers;
    t.notOk(others.some(({ pid }) => pid === held.pid));
    t.comment(`${others.length} new connections answered meanwhile`);
    t.ok(others.length > 0);
    const workers = new Set<number>();
    while (workers.size < 2) workers.add((await ask(target)).worker);
  });
}

const ENDS: [what: string, fault: string, cause: RegExp, args: string[]][] = [
  ['calls process.exit', 'exit', /exited with status 7: process\.exit\(\) was called$/, []],
  [
    'has a rejection that nobody handles',
    'rejection',
    /exited with status 1: unhandled rejection: .*nobody hears of this rejection/,
    [],
  ],
  ['throws where nobody catches', 'throw', /exited with status 1: uncaught exception: .*nobody catches this error/, []],
  ['is out of memory', 'memory', /out of memory/, ['--node-arg=--max-old-space-size=64']],
  ['aborts', 'abort', /was aborted \(SIGABRT\)/, []],
];

for (const [what, fault, cause, args] of ENDS) {
  t.test(`a worker that ${what} is named with the cause and replaced, while the others answer`, async (t) => {
    const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '2', ...args]);
    const target = await served.target();
    const first = await ask(target);
    const lines = served.lines.length;
    // Nobody knows which worker takes it; the log tells.
    const answer = ask(target, `/fault/${fault}`).catch(() => null);
    const line = await served.until(({ msg }) => /^worker \d (exited|was) /.test(msg), lines);
    t.match(line.msg, cause);
    const { worker, pid } = line as unknown as { worker: number; pid: number };
    t.ok(served.workers.includes(pid));
    const answers = askUntil(replaced(served, worker, pid), target, pid);
    await answer;
    t.notOk((await answers).some((other) => other.pid === pid));
    const workers = new Set<number>();
    while (workers.size < 2) workers.add((await ask(target)).worker);
    t.equal((await ask(target)).generation, first.generation);
    const ends = served.lines.slice(lines).filter(({ msg }) => /^worker \d (exited|was) /.test(msg));
    t.equal(ends.length, 1, 'one worker ended, and one line says so');
    if (fault === 'rejection' || fault === 'throw') {
      const told = served.lines.find(({ msg }) => /^worker \d ends: /.test(msg));
      const stack = (told?.err as { stack: string } | undefined)?.stack;
      t.match(stack, /Unheard \(.*fixtures\/faults\.ts:\d+:\d+\)/, 'the log has its stack');
    }
  });
}

t.test('a server that is out of descriptors says so, lives, and answers again once there are some', async (t) => {
  // What a worker needs for itself is about 25.
  const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '2'], { before: 'ulimit -n 64' });
  const target = (await served.target()) as Tcp;
  const pids = served.alive();
  // More than both can hold.
  const sockets = Array.from({ length: 200 }, () => net.connect(target.port, '127.0.0.1').on('error', () => {}));
  while (sockets.filter(({ closed }) => closed).length < 100) await delay(20);
  const busy = cpuOf(pids);
  await delay(2000);
  t.comment(
    `${cpuOf(pids) - busy} ms of processor time in 2 s, ${sockets.filter(({ closed }) => closed).length} refused`,
  );
  for (const socket of sockets) socket.destroy();
  const isOut = ({ msg }: { readonly msg: string }): boolean => /^worker \d is out of file descriptors/.test(msg);
  // The first ones may still meet a worker that has not let go of all connections.
  while (!served.lines.some(isOut)) await ask(target, '/fault/descriptors').catch(() => delay(100));
  const { worker } = await served.until(isOut);
  await served.until(({ msg }) => msg === `worker ${worker} has file descriptors again`);
  const workers = new Set<number>();
  while (workers.size < 2) workers.add((await ask(target)).worker);
  t.strictSame(served.alive(), pids, 'nobody has died');
  t.equal(served.lines.filter(({ msg }) => / hangs/.test(msg)).length, 0);
  t.equal((await served.reload()).msg, 'reloaded');
  t.equal((await ask(target)).generation, 2);
});

/** Asks through an agent. Rejects when no whole answer comes. */
async function get({ port }: Tcp, path: string, agent: http.Agent): Promise<Answer> {
  const [reply] = (await once(http.get({ host: '127.0.0.1', port, path, agent }), 'response')) as [
    http.IncomingMessage,
  ];
  let text = '';
  for await (const chunk of reply) text += chunk;
  return JSON.parse(text);
}

/** Opens idle connections until the worker `pid` holds `more`, and gives how many it holds then. */
async function heldBy(t: Test, { port }: Tcp, pid: number, more: number): Promise<number> {
  const before = connectionsOf(pid, port);
  while (connectionsOf(pid, port) < before + more) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    await delay(20);
  }
  // So that the arbiter has heard of them: it does four times a second.
  await delay(600);
  return connectionsOf(pid, port);
}

/** Milliseconds of processor time that processes have used, to 10 ms. */
function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // proc_pid_stat(5): utime and stime are the 14th and 15th field.
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}
