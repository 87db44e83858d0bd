// quotes import with 100,000 rows: what it takes, and what is left of it when it is killed on the way.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ROOT } from '../markdown.ts';

const MAIN = join(ROOT, 'packages/app-movie-quotes/src/cli/main.ts');
const ROWS = 100_000;
/** Tells, at the end and on descriptor 3, what the process took. */
const METER = `data:text/javascript,${encodeURIComponent(
  `import { writeSync } from 'node:fs';
  process.on('exit', () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    writeSync(3, JSON.stringify({ megabytes: maxRSS * 1024 / 1e6, seconds: (userCPUTime + systemCPUTime) / 1e6 }));
  });`,
)}`;

/** Quotes of 5,000 films, as NDJSON. */
function* lines(): Generator<string> {
  for (let i = 0; i < ROWS; i++) {
    const content = `Line ${i} of many, “quoted”, ${'with words and more words '.repeat(4)}until its end.`;
    const quote = { film: `Film ${i % 5000}`, year: 1900 + (i % 100), content, speaker: `Part ${i % 7}` };
    yield `${JSON.stringify(quote)}\n`;
  }
}

const FILE = [...lines()].join('');

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Quotes {
  readonly folder: string;
  start(args: readonly string[], nodeOptions?: readonly string[]): ChildProcessWithoutNullStreams;
  run(args: readonly string[], input?: string): Promise<Ended>;
  /** The whole catalogue, as a hash. */
  state(): Promise<string>;
}

async function quotesIn(t: Test): Promise<Quotes> {
  const folder = await mkdtemp(join(tmpdir(), 'mq-import-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const start: Quotes['start'] = (args, nodeOptions = []) => {
    // By env -i, for tap puts itself into every process that node starts.
    const command = ['-i', 'DATABASE_FILE=quotes.sqlite', process.execPath, ...nodeOptions, MAIN, ...args];
    const child = spawn('env', command, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    t.teardown(() => child.kill('SIGKILL'));
    child.stdin?.on('error', () => {}); // It may be killed before it has read all.
    return child as ChildProcessWithoutNullStreams;
  };
  const run: Quotes['run'] = async (args, input = '') => {
    const child = start(args);
    child.stdin.end(input);
    const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
    const [status] = (await once(child, 'close')) as [number | null];
    const [stdout, stderr] = await outputs;
    return { status, stdout, stderr };
  };
  const state = async () =>
    createHash('sha256')
      .update((await run(['export'])).stdout)
      .digest('hex');
  return { folder, start, run, state };
}

/** Bytes of the log of the transaction that runs. */
function logSize({ folder }: Quotes): number {
  return statSync(join(folder, 'quotes.sqlite-wal'), { throwIfNoEntry: false })?.size ?? 0;
}

t.test('100,000 rows take less than 60 seconds of a processor and 200 megabytes', async (t) => {
  const quotes = await quotesIn(t);
  await writeFile(join(quotes.folder, 'big.ndjson'), FILE);
  await quotes.run(['migrate', 'up']);
  for (const outcome of [
    '100000 quotes added, 0 were there already\n',
    '0 quotes added, 100000 were there already\n',
  ]) {
    const child = quotes.start(['import', 'big.ndjson'], ['--import', METER]);
    const outputs = Promise.all([text(child.stdout), text(child.stdio[3] as NodeJS.ReadableStream)]);
    const [status] = await once(child, 'close');
    const [stdout, metered] = await outputs;
    t.equal(status, 0);
    t.equal(stdout, outcome);
    const { seconds, megabytes } = JSON.parse(metered);
    t.comment(`${seconds.toFixed(1)} s of a processor, ${megabytes.toFixed(0)} MB`);
    t.ok(seconds < 60);
    t.ok(megabytes < 200);
  }
});

t.test('while a file is read, others write; and when that import is killed, nothing of it is there', async (t) => {
  const quotes = await quotesIn(t);
  await quotes.run(['migrate', 'up']);
  const child = quotes.start(['import', '-']);
  const half = FILE.slice(0, FILE.length / 2);
  // Taken by the process but for what is in the pipe.
  await new Promise((resolve) => child.stdin.write(half, resolve));
  const one = { film: 'Alien', year: 1979, content: 'You are my lucky star.', speaker: 'Ripley' };
  t.equal((await quotes.run(['import', '-'], JSON.stringify(one))).stdout, '1 quote added, 0 were there already\n');
  const before = await quotes.state();
  child.kill('SIGKILL');
  await once(child, 'close');
  t.equal(await quotes.state(), before);
});

t.test(
  'an import that is killed in its transaction leaves the catalogue as it was, and can be made again',
  async (t) => {
    const quotes = await quotesIn(t);
    await quotes.run(['migrate', 'up']);
    const before = await quotes.state();
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const child = quotes.start(['import', '-']);
      child.stdin.end(FILE);
      const closed = once(child, 'close');
      // The transaction has begun to fill the log; at its end that is about 60 MB.
      while (logSize(quotes) < 4e6 && child.exitCode === null) await delay(1);
      child.kill(signal);
      const [status, by] = await closed;
      t.strictSame([status, by], [null, signal], 'it was killed, and had not ended');
      t.equal(await quotes.state(), before);
    }
    const again = await quotes.run(['import', '-'], FILE);
    t.equal(again.stdout, '100000 quotes added, 0 were there already\n');
  },
);
