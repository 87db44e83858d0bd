// Whatever is done to a server on purpose, no client notices: reloads, scaling and recycling under 60 keep-alive clients,
// with GETs and POSTs of 16 KiB.

import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '@tsgi/bench/load';
import t, { type Test } from 'tap';
import { startNginx } from './fixtures/nginx.ts';
import { ask, comment, type Served, serve, socketFolder, type Target } from './fixtures/served.ts';

const RELOADS = 14;
const LEAD = 3000;

/** Reloads again and again under load, and says what the clients saw. */
async function reloads(t: Test, served: Served, target: Target): Promise<void> {
  const load = startLoad({ target });
  try {
    await load.answered(LEAD);
    const before = load.next();
    for (let i = 0; i < RELOADS; i++) t.equal((await served.reload()).msg, 'reloaded');
    const during = load.next();
    await load.answered(LEAD);
    const after = await load.stop();
    comment(t, { before, during, after });
    t.strictSame([before.failures, during.failures, after.failures], [{}, {}, {}]);
    t.equal((await ask(target)).generation, RELOADS + 1);
  } finally {
    await load.stop();
  }
}

const ARGS = ['--workers', '2', '--reload-watch', '200ms'];

t.test(`${RELOADS} reloads over TCP lose no request`, async (t) => {
  const served = serve(t, ['-b', '127.0.0.1:0', ...ARGS]);
  await reloads(t, served, await served.target());
});

t.test(`${RELOADS} reloads over a Unix socket lose no request`, async (t) => {
  const served = serve(t, ['-b', `unix:${join(socketFolder(t), 'app.sock')}`, ...ARGS]);
  await reloads(t, served, await served.target());
});

const noNginx = spawnSync('nginx', ['-v']).error === undefined ? false : 'skipped: there is no nginx here';

t.test(`${RELOADS} reloads behind Nginx lose no request`, { skip: noNginx }, async (t) => {
  const folder = socketFolder(t);
  const served = serve(t, ['-b', `unix:${join(folder, 'app.sock')}`, ...ARGS]);
  await reloads(t, served, await startNginx(t, folder, await served.target()));
});

t.test('workers that come and go lose no request, and new ones take their share', async (t) => {
  const log = join(t.testdir(), 'access.log');
  const served = serve(t, ['-b', '127.0.0.1:0', '--access-logfile', log, '--access-log-format', '{worker}']);
  const target = await served.target();
  const load = startLoad({ target });
  try {
    await load.answered(LEAD);
    const before = load.next();
    for (let worker = 2; worker <= 4; worker++) {
      served.signal('SIGTTIN');
      await served.until(({ msg }) => msg === `worker ${worker} starts`);
    }
    while (new Set(linesFrom(log, 0)).size < 4) await load.answered(200);
    await delay(5000);
    const from = statSync(log).size;
    await load.answered(4 * LEAD);
    const lines = linesFrom(log, from);
    for (const worker of ['1', '2', '3', '4']) {
      const share = lines.filter((line) => line === worker).length / lines.length;
      t.ok(share >= 0.1, `worker ${worker} serves ${(100 * share).toFixed(0)}%`);
    }
    for (let worker = 4; worker >= 2; worker--) {
      served.signal('SIGTTOU');
      await served.until(({ msg }) => msg === `worker ${worker} has left: scaled down`);
    }
    const during = load.next();
    await load.answered(LEAD);
    const after = await load.stop();
    comment(t, { before, during, after });
    t.strictSame([before.failures, during.failures, after.failures], [{}, {}, {}]);
    t.equal(after.processes, 1);
  } finally {
    await load.stop();
  }
});

for (const [what, args, least] of [
  ['requests', ['--max-requests', '200', '--max-requests-jitter', '50'], 10],
  // No worker can be as small as this: each is replaced as soon as it accepts.
  ['memory', ['--max-memory', '32m'], 4],
] as const) {
  t.test(`workers that are recycled for their ${what} lose no request`, async (t) => {
    const served = serve(t, ['-b', '127.0.0.1:0', '--workers', '2', ...args]);
    const target = await served.target();
    const load = startLoad({ target });
    try {
      await load.answered(LEAD);
      const recycled = () => served.lines.filter(({ msg }) => msg.includes('has left: recycled: ')).length;
      while (recycled() < least) await load.answered(100);
      const report = await load.stop();
      comment(t, { [`${recycled()} recycled`]: report });
      t.strictSame(report.failures, {});
    } finally {
      await load.stop();
    }
  });
}

/** The whole lines of a file behind a number of bytes. */
function linesFrom(path: string, from: number): string[] {
  return readFileSync(path).subarray(from).toString().split('\n').slice(0, -1);
}
