// A reload to something that does not work: the old generation serves on, no request is lost, the log says why, and the
// next good reload works.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLoad } from '@tsgi/bench/load';
import t, { type Test } from 'tap';
import { APP, ask, comment, type Served, serve } from './fixtures/served.ts';

const GOOD = `export { app } from ${JSON.stringify(APP)};`;

/** Code that does `what` in one worker, or in all, and else is good. */
const broken = (worker: number | 'every', what: string): string => `
  ${GOOD}
  if (${worker === 'every' ? 'true' : `process.env.TSGI_WORKER === '${worker}'`}) { ${what} }
`;

const PENDING = `
  import { app as good } from ${JSON.stringify(APP)};
  export const app = {
    ...good,
    start: (context) => (PENDS ? new Promise(() => setInterval(() => {}, 1000)) : good.start(context)),
  };
`;

interface Case {
  readonly what: string;
  readonly code: string;
  readonly reason: RegExp;
}

const cases = (worker: number | 'every'): Case[] => {
  const number = worker === 'every' ? '\\d' : String(worker);
  const pends = worker === 'every' ? 'true' : `process.env.TSGI_WORKER === '${worker}'`;
  return [
    {
      what: 'throws when it is imported',
      code: broken(worker, 'throw new Error("no such setting");'),
      reason: new RegExp(`worker ${number} failed to load: .*no such setting`),
    },
    {
      what: 'never gets ready',
      code: PENDING.replace('PENDS', pends),
      reason: new RegExp(`worker ${number} was not ready within 4000 ms`),
    },
    {
      what: 'crashes a second after it was ready',
      code: broken(worker, 'setTimeout(() => { throw new Error("too late"); }, 1000);'),
      reason: new RegExp(`worker ${number} exited with status 1.* within 2000 ms of its start`),
    },
    {
      what: 'exits a second after it was ready',
      code: broken(worker, 'setTimeout(() => process.exit(9), 1000);'),
      reason: new RegExp(`worker ${number} exited with status 9.* within 2000 ms of its start`),
    },
  ];
};

// Starting takes its time beside a load on all processors; what never gets ready takes longer.
const ARGS = ['-b', '127.0.0.1:0', '--start-timeout', '4s'];

/** Goes through all cases under one load, each followed by a good reload. */
async function fail(t: Test, served: Served, cases: readonly Case[], write: (text: string) => void): Promise<void> {
  const target = await served.target();
  // Fewer clients than elsewhere: a start that the load alone makes too slow would prove nothing.
  const load = startLoad({ target, clients: 10 });
  try {
    await load.answered(500);
    for (const { what, code, reason } of cases) {
      const { generation } = await ask(target);
      const pids = served.alive(generation);
      const from = served.lines.length;
      write(code);
      const { msg } = await served.reload();
      t.match(msg, reason, `the log says why, when it ${what}`);
      t.ok(msg.startsWith(`reload failed, generation ${generation} serves on: `), msg);
      await load.answered(200);
      t.strictSame(served.alive(generation), pids, 'the old workers are there');
      t.strictSame(served.alive(generation + 1), [], 'and no new ones');
      t.equal((await ask(target)).generation, generation);
      const failed = served.lines.slice(from).filter(({ level }) => level === 50);
      for (const line of failed) t.comment(line.msg);
      write(GOOD);
      t.equal((await served.reload()).msg, 'reloaded');
      t.equal((await ask(target)).generation, generation + 1);
    }
    const report = await load.stop();
    comment(t, { [`${cases.length} failed reloads and as many good ones`]: report });
    t.strictSame(report.failures, {});
  } finally {
    await load.stop();
  }
}

t.test('a reload to code that fails in every worker changes nothing', async (t) => {
  const cwd = t.testdir({ 'app.mjs': GOOD });
  const served = serve(t, [...ARGS, '--workers', '2'], { app: './app.mjs', cwd });
  await fail(t, served, cases('every'), (text) => writeFileSync(join(cwd, 'app.mjs'), text));
});

t.test('a reload to code that fails in the third of four workers changes nothing', async (t) => {
  const cwd = t.testdir({ 'app.mjs': GOOD });
  const served = serve(t, [...ARGS, '--workers', '4'], { app: './app.mjs', cwd });
  await fail(t, served, cases(3), (text) => writeFileSync(join(cwd, 'app.mjs'), text));
});

t.test('a reload to a bad configuration changes nothing', async (t) => {
  const app = `app: ${JSON.stringify(`${APP}:app`)}, bind: ['127.0.0.1:0']`;
  const good = `export default { ${app}, workers: 2, reloadWatch: '200ms' };`;
  const cwd = t.testdir({ 'tsgi.config.mjs': good, 'app.mjs': broken('every', 'throw new Error("no such setting");') });
  const served = serve(t, [], { app: `${APP}:app`, cwd });
  const target = await served.target();
  const load = startLoad({ target, clients: 10 });
  const pids = served.alive();
  const wrong: [string, RegExp][] = [
    ['export default {', /tsgi\.config\.mjs/],
    [`export default { ${app}, worker: 2 };`, /worker.*workers/],
    [`export default { ${app}, workers: -2 };`, /workers/],
    ['throw new Error("no secrets today");', /no secrets today/],
    [`export default { ${app}, workers: 1, envFile: ['none.env'] };`, /none\.env/],
    // The number of workers is part of what is not changed.
    [`export default { ${app}, workers: 1, import: ['./app.mjs'], reloadWatch: '200ms' };`, /worker 1 /],
  ];
  try {
    for (const [text, reason] of wrong) {
      writeFileSync(join(cwd, 'tsgi.config.mjs'), text);
      const { msg } = await served.reload();
      t.match(msg, /^reload failed, generation 1 serves on: /);
      t.match(msg, reason);
      t.strictSame(served.alive(), pids);
    }
    // The second worker is still wanted.
    process.kill(pids[1] as number, 'SIGKILL');
    await served.until(({ msg, pid }) => msg === 'worker 2 starts' && pid !== pids[1]);
    writeFileSync(join(cwd, 'tsgi.config.mjs'), good);
    t.equal((await served.reload()).msg, 'reloaded');
    t.equal((await ask(target)).generation, 2);
    const { failures, failed } = await load.stop();
    // The ten clients had a request each in flight, at most, when the worker was killed.
    t.ok(failed <= 10, JSON.stringify(failures));
  } finally {
    await load.stop();
  }
});

t.test('a worker that crashes at its first request after a reload costs what it had in flight alone', async (t) => {
  const cwd = t.testdir({ 'app.mjs': GOOD });
  const served = serve(t, [...ARGS, '--workers', '4', '--reload-watch', '200ms'], { app: './app.mjs', cwd });
  const target = await served.target();
  const load = startLoad({ target });
  try {
    await load.answered(1000);
    load.next();
    // The worker that replaces it has another process for an arbiter's child, and a marker on the disk.
    writeFileSync(
      join(cwd, 'app.mjs'),
      `
        import { existsSync, writeFileSync } from 'node:fs';
        import { app as good } from ${JSON.stringify(APP)};
        export const app = {
          ...good,
          handle(request, context) {
            if (process.env.TSGI_WORKER === '3' && !existsSync('crashed')) {
              writeFileSync('crashed', '');
              setImmediate(() => { throw new Error('at the first request'); });
            }
            return good.handle(request, context);
          },
        };
      `,
    );
    t.equal((await served.reload()).msg, 'reloaded');
    const crash = await served.until(({ msg }) => /^worker 3 exited with status 1/.test(msg));
    t.match(crash.msg, /at the first request/);
    await served.until(({ msg, pid }) => msg === 'worker 3 starts' && pid !== crash.pid);
    const workers = new Set<number>();
    while (workers.size < 4) workers.add((await ask(target)).worker);
    const report = await load.stop();
    comment(t, { 'a crash after the reload': report });
    // A client has one request at a time: no more than the connections of the worker that crashed.
    t.ok(report.failed < 60, `${report.failed} of 60 clients lost a request`);
    for (const kind of Object.keys(report.failures)) t.match(kind, /ECONNRESET|socket hang up|EPIPE/);
    t.equal((await ask(target)).generation, 2);
  } finally {
    await load.stop();
  }
});

t.test('a worker that is to be recycled serves on while no replacement starts', async (t) => {
  const cwd = t.testdir({ 'app.mjs': GOOD });
  const served = serve(t, [...ARGS, '--max-requests', '1000'], { app: './app.mjs', cwd });
  const target = await served.target();
  writeFileSync(join(cwd, 'app.mjs'), broken('every', 'throw new Error("no such setting");'));
  const load = startLoad({ target, clients: 5 });
  try {
    const { pause } = await served.until((line) => line.msg.endsWith('cannot be replaced') && line.pause !== 0);
    t.ok((pause as number) >= 250, 'tries come further and further apart');
    t.match(served.lines.find(({ msg }) => /failed to load/.test(msg))?.msg, /no such setting/);
    writeFileSync(join(cwd, 'app.mjs'), GOOD);
    await served.until(({ msg }) => /^worker 1 has left: recycled/.test(msg));
    const report = await load.stop();
    comment(t, { 'with failed replacements': report });
    t.strictSame(report.failures, {});
  } finally {
    await load.stop();
  }
});
