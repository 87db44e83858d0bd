// The second table: from a real server under load to what is printed. Short, so its figures mean nothing.

import { join } from 'node:path';
import t from 'tap';
import { chooseCores } from '../src/cores.ts';
import { autocannon } from '../src/generators/autocannon.ts';
import { findWrk } from '../src/generators/wrk.ts';
import { printFinding } from '../src/peers/findings.ts';
import { fairness, measurePeers, type PageFigures, type PeerRound } from '../src/peers/measure.ts';
import { summarizePeers } from '../src/peers/results.ts';
import type { PeerRow } from '../src/peers/rows.ts';
import type { Site } from '../src/peers/site.ts';
import { printColdStarts, printPeers } from '../src/peers/table.ts';

const ROWS: readonly PeerRow[] = [
  { name: 'cluster', peer: 'node:cluster', role: 'baseline' },
  { name: 'cluster again', peer: 'node:cluster', role: 'self' },
  { name: 'nobody', peer: 'tsgi', role: 'compared' },
];

// The programs stand beside the workspace's own Fastify here, so nothing is installed; `tsgi` is missing.
const SITE: Site = {
  folder: join(import.meta.dirname, '../peers'),
  tsgi: '/nowhere/cli.js',
  installed: 0,
  python: null,
  versions: [],
  remove: () => {},
};

t.test('servers are started, counted and ended', { skip: process.platform !== 'linux' }, async (t) => {
  const said: string[] = [];
  const round = await measurePeers(ROWS, {
    site: SITE,
    workers: 2,
    pages: ['cpu'],
    turn: 500,
    cores: chooseCores(),
    generator: findWrk() ?? autocannon,
    say: (text) => said.push(text),
  });
  const [baseline, self, nobody] = round;
  for (const peer of [baseline, self]) {
    t.ok((peer?.coldStart as number) > 0);
    const page = peer?.pages.cpu as PageFigures;
    t.ok(page.slices.some(({ cpu, requests }) => cpu > 0 && requests > 0));
    t.ok(page.memory > 0);
    t.ok(page.perSecond > 0);
    t.ok(page.fairness >= 0 && page.fairness <= 1);
    t.equal(page.errors, 0);
  }
  t.equal(self?.pages.cpu?.against.length, self?.pages.cpu?.slices.length);
  t.equal(nobody, null);
  t.match(said.join('\n'), /nobody is left out/);
});

t.test('fairness is the smallest share over the largest, of what was asked meanwhile', async (t) => {
  const before = new Map([
    ['a', 1000],
    ['b', 10],
  ]);
  const after = new Map([
    ['a', 1050],
    ['b', 110],
  ]);
  t.equal(fairness(before, after), 0.5);
  t.equal(fairness(new Map(), new Map([['a', 7]])), 1, 'one worker has them all');
  t.equal(fairness(before, new Map([...after, ['b', 10]])), 0, 'a worker that got none');
  t.equal(fairness(before, new Map([...after, ['c', 25]])), 0.25, 'a worker that came meanwhile');
});

/** What a server did that takes so many microseconds a request, beside one that takes 100. */
function figures(cpu: number, more: Partial<PageFigures> = {}): PageFigures {
  return {
    slices: [{ cpu: cpu * 50, requests: 50 }],
    against: [{ cpu: 10_000, requests: 100 }],
    memory: 64 * 1024 * 1024,
    perSecond: 1000,
    p99: 5,
    fairness: 0.9,
    errors: 0,
    ...more,
  };
}

function round(...cpus: (number | null)[]): PeerRound {
  return cpus.map((cpu, i) => {
    if (cpu === null) return null;
    return { coldStart: cpu * 2, pages: { hello: figures(cpu, i === 0 ? { against: [] } : {}) } };
  });
}

t.test('rows are medians over the rounds, and ratios are taken against the baseline', async (t) => {
  const rounds = [round(100, 101, 150), round(100, 101, 152), round(100, 101, 160)];
  const [section, ...others] = summarizePeers(ROWS, new Map([[2, rounds]]));
  t.match(section, { page: 'hello', workers: 2, noisy: false });
  t.same(
    section?.rows.map(({ cpu, ratio }) => [cpu, ratio?.value]),
    [
      [100, undefined],
      [101, 1.01],
      [152, 1.52],
    ],
  );
  t.same(others, [], 'a page that was not measured has no section');
});

t.test('a server that did not start has no row', async (t) => {
  const [section] = summarizePeers(ROWS, new Map([[1, [round(100, 100, null)]]]));
  t.same(
    section?.rows.map(({ row }) => row.name),
    ['cluster', 'cluster again'],
  );
});

t.test('the table tells of noise and of failed requests', async (t) => {
  const quiet = summarizePeers(ROWS, new Map([[1, [round(100, 100, 120)]]]));
  t.match(printPeers(quiet), /1 worker *│/);
  t.match(printPeers(quiet), /nobody *│ +120\.0 │ +1\.200 \(1\.200-1\.200\) │ +1000 │ +5\.0 │ +64 │ +0\.90 │/);
  const noisy = summarizePeers(ROWS, new Map([[2, [round(100, 110, 120)]]]));
  t.match(printPeers(noisy), /2 workers, TOO NOISY/);
  const failing = [{ coldStart: 1, pages: { hello: figures(100, { errors: 3 }) } }, null, null];
  t.match(printPeers(summarizePeers(ROWS, new Map([[1, [failing]]]))), /FAILED REQUESTS: 3 of cluster/);
});

t.test('cold starts stand in one line, without the server that is there twice', async (t) => {
  const line = printColdStarts(ROWS, 2, [round(100, 1, null), round(200, 1, null)]);
  t.equal(line, 'cold start to the first answer, 2 workers: cluster 300 ms');
});

t.test('a finding tells whether its bound holds, and how far noise goes', async (t) => {
  const most = { text: 'memory', value: 12.34, unit: 'MB', bound: { most: 14 } } as const;
  t.equal(printFinding(most), 'memory: 12.3 MB; at most 14.0 MB: holds');
  t.match(printFinding({ ...most, value: 14.01 }), /DOES NOT HOLD/);
  t.match(printFinding({ ...most, value: Number.NaN }), /not measured/);

  const interval = { value: 0.97, low: 0.95, high: 0.99 };
  const least = { text: 'rate', value: 0.97, interval, self: 1, bound: { least: 0.95 } } as const;
  t.equal(printFinding(least), 'rate: 0.970 (0.950-0.990); at least 0.950: holds (against itself: 1.000)');
  t.match(printFinding({ ...least, value: 0.94 }), /DOES NOT HOLD \(/);
  t.match(printFinding({ ...least, self: 1.1 }), /holds, but TOO NOISY to be believed \(against itself: 1\.100\)/);
});
