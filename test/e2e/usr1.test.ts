// USR1 opens a debugger in a Node.js process that does not expect it. Here it never does, whoever gets it and when.

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { APP, ask, childrenOf, isAlive, type Served, serve } from './fixtures/served.ts';

/** Ports on which a process listens. */
function listening(pid: number): number[] {
  try {
    const sockets = new Set(
      readdirSync(`/proc/${pid}/fd`).map((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`);
        } catch {
          return '';
        }
      }),
    );
    return ['tcp', 'tcp6'].flatMap((kind) =>
      readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        // State 0A: listening.
        .filter((fields) => fields[3] === '0A' && sockets.has(`socket:[${fields[9]}]`))
        .map((fields) => Number.parseInt((fields[1] as string).split(':').at(-1) as string, 16)),
    );
  } catch {
    // It has just gone.
    return [];
  }
}

/** Sends USR1 to everybody, without a pause, until it is told to stop. */
class Sender {
  readonly ports = new Set<number>();
  /** Before, Node.js itself may open a debugger: no program can have its handler as early. It is closed at the start. */
  serves = false;
  sent = 0;
  #stopped = false;
  readonly #over: Promise<void>;

  constructor(served: Served) {
    this.#over = this.#send(served.child.pid as number);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#over;
  }

  async #send(arbiter: number): Promise<void> {
    while (!this.#stopped) {
      for (const pid of [arbiter, ...childrenOf(arbiter)].filter(isAlive)) {
        if (!isNode(pid)) continue;
        try {
          process.kill(pid, 'SIGUSR1');
          this.sent++;
        } catch {
          // It has just gone.
        }
        if (this.serves) for (const port of listening(pid)) this.ports.add(port);
      }
      await delay(5);
    }
  }
}

/** Whether a process has come so far that it is Node.js with a say in what USR1 does; before, it ends any process. */
function isNode(pid: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (!command[0]?.endsWith('/node') || (command.includes('serve') && isChild(pid))) return false;
    // The masks of signals that have a handler, are ignored, are blocked. USR1 is number 10.
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const masks = [/^SigCgt:\t(\w+)$/m, /^SigIgn:\t(\w+)$/m, /^SigBlk:\t(\w+)$/m];
    return masks.some((mask) => (BigInt(`0x${mask.exec(status)?.[1]}`) & (1n << 9n)) !== 0n);
  } catch {
    return false;
  }
}

/** Whether it is a copy of the arbiter that has not become a worker yet. */
function isChild(pid: number): boolean {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) !== process.pid;
}

async function check(t: Test, served: Served, sender: Sender, port: number): Promise<void> {
  await sender.stop();
  t.comment(`${sender.sent} times USR1`);
  t.ok(sender.sent > 0);
  t.strictSame([...sender.ports], [port], 'nothing listens but the server');
  const bad = served.lines.filter(({ msg }) => /^worker \d (was|exited)/.test(msg));
  t.strictSame(bad, [], 'nobody has died');
}

t.test('USR1 to every process, at the start, while it serves, reloads and stops', async (t) => {
  const cwd = t.testdir({ 'app.mjs': `export { app } from ${JSON.stringify(APP)};` });
  const args = ['-b', '127.0.0.1:0', '--workers', '2', '--reload-watch', '200ms'];
  const served = serve(t, args, { app: './app.mjs', cwd });
  const sender = new Sender(served);
  const target = await served.target();
  sender.serves = true;
  const port = target.kind === 'tcp' ? target.port : 0;
  for (let i = 0; i < 20; i++) await ask(target);
  for (let i = 0; i < 3; i++) t.equal((await served.reload()).msg, 'reloaded');
  // A reload that fails takes workers back.
  writeFileSync(join(cwd, 'app.mjs'), 'throw new Error("broken")');
  t.match((await served.reload()).msg, /^reload failed/);
  // In the middle of a drain, which a request holds up.
  const slow = ask(target, '/fault/slow');
  served.signal('SIGTERM');
  await slow.catch(() => {});
  t.equal(await served.exited, 0);
  await check(t, served, sender, port);
});
