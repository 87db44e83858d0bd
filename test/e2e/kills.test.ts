// Processes that are killed: a worker costs the requests that it had in flight, an arbiter leaves a place where the next
// one serves at once.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '@tsgi/bench/load';
import t from 'tap';
import { ask, comment, connectionsOf, freeze, gone, serve, socketFolder, type Target } from './fixtures/served.ts';

const KILLS = 20;

t.test(`${KILLS} workers killed, one every second, cost no more than the connections that they held`, async (t) => {
  const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '3']);
  const target = (await served.target()) as Target & { kind: 'tcp' };
  const load = startLoad({ target });
  try {
    await load.answered(3000);
    const before = load.next();
    const killed = new Set<number>();
    let held = 0;
    for (let i = 0; i < KILLS; i++) {
      const alive = served.alive();
      const pid = alive[Math.floor(Math.random() * alive.length)] as number;
      killed.add(pid);
      // Stopped, it takes no further connection while its own are counted.
      await freeze([pid]);
      held += connectionsOf(pid, target.port);
      process.kill(pid, 'SIGKILL');
      await delay(1000);
    }
    const exits = served.lines.filter(
      ({ msg, pid }) => killed.has(pid as number) && / was killed by SIGKILL/.test(msg),
    );
    t.equal(exits.length, killed.size, 'the log has a line for each');
    const during = load.next();
    const workers = new Set<number>();
    while (workers.size < 3) workers.add((await ask(target)).worker);
    await load.answered(1000);
    const after = await load.stop();
    comment(t, { before, during, after });
    t.comment(`${held} connections held by killed workers`);
    // A client has one request at a time, on its one connection.
    t.ok(during.failed <= held, `${during.failed} requests failed`);
    for (const kind of Object.keys(during.failures)) t.notMatch(kind, /ECONNREFUSED/);
    t.strictSame([before.failures, after.failures], [{}, {}]);
  } finally {
    await load.stop();
  }
});

for (const kind of ['tcp', 'unix'] as const) {
  t.test(`when the arbiter is killed, workers leave and the next one serves the same ${kind} address`, async (t) => {
    const bind = kind === 'tcp' ? '127.0.0.1:0' : `unix:${join(socketFolder(t), 'app.sock')}`;
    const served = serve(t, ['-b', bind, '--workers', '2']);
    const target = await served.target();
    const load = startLoad({ target });
    await load.answered(1000);
    const pids = served.alive();
    served.signal('SIGKILL');
    await gone(pids);
    await load.stop();
    const again = serve(t, ['-b', target.kind === 'tcp' ? `127.0.0.1:${target.port}` : bind, '--workers', '2']);
    await again.target();
    t.notOk(pids.includes((await ask(target)).pid));
  });
}

t.test('when the arbiter is killed, a next one started at once serves, while old workers still drain', async (t) => {
  const bind = `unix:${join(socketFolder(t), 'app.sock')}`;
  const served = serve(t, ['-b', bind, '--workers', '2']);
  const target = await served.target();
  await ask(target);
  served.signal('SIGKILL');
  await served.exited;
  const again = serve(t, ['-b', bind, '--workers', '2']);
  t.strictSame(await again.target(), target);
  await gone(served.workers);
  t.notOk(served.workers.includes((await ask(target)).pid));
});

// JavaScript that never ends, and a call that no JavaScript interrupts.
for (const fault of ['loop', 'crypto']) {
  t.test(`when the arbiter is killed, a worker that hangs in a ${fault} ends too, and the others before`, async (t) => {
    const timeout = 3000;
    const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '3', '--timeout', `${timeout}ms`]);
    const target = await served.target();
    const hanging = ask(target, `/fault/${fault}`).catch(() => 'cut');
    const { worker } = await served.until(({ msg }) => /^worker \d hangs for/.test(msg));
    const hung = served.lines.findLast(({ msg }) => msg === `worker ${worker} starts`)?.pid as number;
    const others = served.alive().filter((pid) => pid !== hung);
    t.equal(others.length, 2);
    const killed = performance.now();
    served.signal('SIGKILL');
    await gone(others);
    const left = performance.now() - killed;
    await gone([hung]);
    const ended = performance.now() - killed;
    t.comment(`the others left after ${left.toFixed(0)} ms, the hung one after ${ended.toFixed(0)} ms`);
    t.equal(await hanging, 'cut');
    const again = serve(t, ['-b', target.kind === 'tcp' ? `127.0.0.1:${target.port}` : '', '--workers', '1']);
    await again.target();
    t.not((await ask(target)).pid, hung);
  });
}
