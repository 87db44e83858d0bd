// Processes that are stopped for a while (SIGSTOP), as by a debugger, a frozen cgroup or a suspended machine, under load.

import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '@tsgi/bench/load';
import t from 'tap';
import { ask, comment, freeze, serve } from './fixtures/served.ts';

const ARGS = ['-b', '127.0.0.1:0', '--workers', '2', '--timeout', '3s'];

t.test('an arbiter that was stopped for longer than the time-out kills no worker afterwards', async (t) => {
  const served = serve(t, ARGS);
  const load = startLoad({ target: await served.target() });
  try {
    await load.answered(1000);
    const before = load.next();
    const pids = served.alive();
    const arbiter = served.child.pid as number;
    await freeze([arbiter]);
    await delay(10_000);
    const during = load.next();
    process.kill(arbiter, 'SIGCONT');
    // Longer than the time-out: whatever it took them to be late by would show by now.
    await delay(5000);
    const after = await load.stop();
    comment(t, { before, during, after });
    t.strictSame(served.alive(), pids);
    t.strictSame(
      served.lines.filter(({ msg }) => /hangs|killed/.test(msg)),
      [],
    );
    t.strictSame([before.failures, during.failures, after.failures], [{}, {}, {}]);
    // It still does its work.
    t.equal((await served.reload()).msg, 'reloaded');
  } finally {
    await load.stop();
  }
});

t.test('a single worker that is stopped is replaced, and the other one serves on', async (t) => {
  const served = serve(t, ARGS);
  const target = await served.target();
  const first = await ask(target);
  await freeze([first.pid]);
  const replaced = served.until(({ msg, pid }) => msg === `worker ${first.worker} starts` && pid !== first.pid);
  let over = false;
  replaced.finally(() => {
    over = true;
  });
  let answers = 0;
  while (!over) {
    t.not((await ask(target)).pid, first.pid);
    answers++;
    await delay(50);
  }
  t.comment(`${answers} new connections answered meanwhile`);
  const killed = served.lines.find(({ msg }) => /is replaced$/.test(msg));
  t.equal(killed?.pid, first.pid);
  t.notOk(served.alive().includes(first.pid));
  const workers = new Set<number>();
  while (workers.size < 2) workers.add((await ask(target)).worker);
});

t.test('a whole server that is stopped and goes on has lost nothing', async (t) => {
  const served = serve(t, ARGS);
  const load = startLoad({ target: await served.target() });
  try {
    await load.answered(1000);
    const pids = served.alive();
    const all = [served.child.pid as number, ...pids];
    await freeze(all);
    await delay(6000);
    for (const pid of all) process.kill(pid, 'SIGCONT');
    await load.answered(1000);
    await delay(5000);
    const report = await load.stop();
    comment(t, { 'with 6 s in which nobody ran': report });
    t.strictSame(served.alive(), pids);
    t.strictSame(
      served.lines.filter(({ msg }) => /hangs|killed/.test(msg)),
      [],
    );
    t.strictSame(report.failures, {});
  } finally {
    await load.stop();
  }
});
