// One round of the second table: fresh servers, each of which is loaded beside the baseline for what a request costs, and
// then one after the other for what they can do with the machine to themselves.

import { setTimeout as delay } from 'node:timers/promises';
import type { Cores } from '../cores.ts';
import type { Generator, LoadReport } from '../generators/generator.ts';
import type { Slice } from '../statistics.ts';
import { memoryOf, PeerProcess, sampleOf, sum } from './peer-process.ts';
import { PEERS } from './peers.ts';
import { PAGES, type Page, type PageName, type PeerRow } from './rows.ts';
import type { Site } from './site.ts';

export interface RoundOptions {
  readonly site: Site;
  readonly workers: number;
  readonly cores: Cores;
  readonly generator: Generator;
  readonly pages: readonly PageName[];
  /** Milliseconds that each server has the machine to itself. */
  readonly turn: number;
  say(text: string): void;
}

/** What one server did with one page in one round. */
export interface PageFigures {
  /** Side by side with the baseline, on one core. */
  readonly slices: readonly Slice[];
  /** The baseline in the same slices; none for the baseline itself. */
  readonly against: readonly Slice[];
  /** Bytes of memory of all its processes (PSS), after that. */
  readonly memory: number;
  /** Alone: requests per second, and milliseconds. */
  readonly perSecond: number;
  readonly p99: number;
  /** Alone: requests of the worker with the fewest over those of the one with the most. */
  readonly fairness: number;
  /** Failed requests of both loads. */
  readonly errors: number;
}

export interface PeerFigures {
  /** Milliseconds from its command to its first answer. */
  readonly coldStart: number;
  readonly pages: Readonly<Partial<Record<PageName, PageFigures>>>;
}

/** A server a row; null for one that could not be started. */
export type PeerRound = readonly (PeerFigures | null)[];

export async function measurePeers(rows: readonly PeerRow[], options: RoundOptions): Promise<PeerRound> {
  const started: (PeerProcess | null)[] = rows.map(() => null);
  try {
    // One after the other, so that a start is not slowed down by the others; in an order of chance.
    for (const i of shuffled(rows.length)) started[i] = await tryStart(rows[i] as PeerRow, options);
    const measured = new Map<PageName, (PageFigures | undefined)[]>();
    const baseline = rows.findIndex(({ role }) => role === 'baseline');
    for (const page of options.pages) measured.set(page, await measurePage(started, baseline, PAGES[page], options));
    return started.map((peer, i) => {
      if (peer === null) return null;
      const pages = Object.fromEntries([...measured].map(([page, figures]) => [page, figures[i]]));
      return { coldStart: peer.coldStart, pages };
    });
  } finally {
    await Promise.allSettled(started.map((peer) => peer?.stop()));
  }
}

async function tryStart({ name, peer }: PeerRow, options: RoundOptions): Promise<PeerProcess | null> {
  try {
    return await PeerProcess.start(peer, options.workers, options);
  } catch (error) {
    options.say(`  ${name} is left out: ${(error as Error).message}`);
    return null;
  }
}

async function measurePage(
  peers: readonly (PeerProcess | null)[],
  baseline: number,
  page: Page,
  { workers, cores, generator, turn }: RoundOptions,
): Promise<(PageFigures | undefined)[]> {
  const by = { cores, generator };
  const present = shuffled(peers.length).flatMap((i) => (peers[i] ? [{ i, peer: peers[i] }] : []));
  const beside = peers[baseline] ?? null;

  for (const { peer } of present) await warmUp(peer, page, by);
  for (const { peer } of present) peer.pin(cores.all.slice(-1));
  const slices: Slice[][] = peers.map(() => []);
  const against: Slice[][] = peers.map(() => []);
  const reports: LoadReport[][] = peers.map(() => []);
  // In pairs: what a server does without being asked, such as a look after its workers, would weigh more in its figure
  // the smaller its share of the core is.
  for (const { i, peer } of present.filter(({ i }) => i !== baseline)) {
    const pair = await sideBySide(beside === null ? [peer] : [peer, beside], page, by);
    slices[i] = pair.slices[0] ?? [];
    against[i] = pair.slices[1] ?? [];
    slices[baseline]?.push(...against[i]);
    for (const [which, report] of pair.reports.entries()) reports[which === 0 ? i : baseline]?.push(report);
  }
  const memory = peers.map((peer) => (peer === null ? Number.NaN : memoryOf(peer)));

  // A core for each worker. Where there are not enough, the load has to share one with them.
  for (const { peer } of present) peer.pin(cores.all.slice(-workers));
  const figures: (PageFigures | undefined)[] = peers.map(() => undefined);
  for (const { i, peer } of present) {
    const before = peer.counts();
    const report = await loadFor(turn, peer, page, by);
    reports[i]?.push(report);
    figures[i] = {
      slices: slices[i] as Slice[],
      against: against[i] as Slice[],
      memory: memory[i] as number,
      perSecond: report.perSecond,
      p99: report.p99,
      fairness: fairness(before, await settled(peer)),
      errors: (reports[i] as LoadReport[]).reduce((sum, { errors }) => sum + errors, 0),
    };
  }
  return figures;
}

/**
 * Loads a server by itself until V8 has optimised what it will, or for long enough. It is better done before the server
 * is pinned: the compiler has threads of its own. Python compiles nothing.
 */
export async function warmUp(peer: PeerProcess, page: Page, by: LoadedBy): Promise<void> {
  const requests = PEERS[peer.name].runs === 'node' ? page.warmUp * peer.workers : 0;
  if (requests === 0) return;
  const load = begin(peer, page, by);
  try {
    const until = performance.now() + page.warmUpLimit;
    while (performance.now() < until && sum(peer.counts()) < requests) await delay(100);
  } finally {
    await load.stop();
  }
  await settled(peer);
}

interface LoadedBy {
  readonly cores: Cores;
  readonly generator: Generator;
  /** Connections to each server. Default: the page's. */
  readonly connections?: number;
}

/** What each server uses and answers, slice by slice, while all of them are under load. */
export async function sideBySide(
  peers: readonly PeerProcess[],
  page: Page,
  by: LoadedBy,
): Promise<{ slices: Slice[][]; reports: LoadReport[] }> {
  const trees = peers.map((peer) => peer.tree());
  const sample = () => peers.map((peer, i) => sampleOf(peer, trees[i] as number[]));
  const loads = shuffled(peers.length).map((i) => ({ i, load: begin(peers[i] as PeerProcess, page, by) }));
  const stop = () => Promise.all(loads.toSorted((a, b) => a.i - b.i).map(({ load }) => load.stop()));
  try {
    // Not before the load has begun everywhere.
    await delay(200);

    const slices: Slice[][] = peers.map(() => []);
    let before = sample();
    for (let slice = 0; slice < page.slices; slice++) {
      await delay(page.sliceTime);
      const now = sample();
      for (const [i, { cpu, requests }] of now.entries()) {
        const { cpu: cpuBefore, requests: requestsBefore } = before[i] as Slice;
        slices[i]?.push({ cpu: cpu - cpuBefore, requests: requests - requestsBefore });
      }
      before = now;
    }
    const reports = await stop();
    await Promise.all(peers.map(settled));
    return { slices, reports };
  } finally {
    await stop();
  }
}

/** Loads one server for so many milliseconds. */
export async function loadFor(time: number, peer: PeerProcess, page: Page, by: LoadedBy): Promise<LoadReport> {
  const load = begin(peer, page, by);
  try {
    await delay(time);
  } finally {
    await load.stop();
  }
  return load.stop();
}

function begin({ target }: PeerProcess, { path, connections }: Page, by: LoadedBy) {
  return by.generator.start({
    target,
    requests: [{ method: 'GET', path }],
    connections: by.connections ?? connections,
    prefix: by.cores.load,
  });
}

/** Its counts once it works at nothing more: the generator leaves without waiting for its last answers. */
export async function settled(peer: PeerProcess): Promise<Map<string, number>> {
  for (let before = peer.counts(); ; ) {
    await delay(60);
    const now = peer.counts();
    if (sum(now) === sum(before)) return now;
    before = now;
  }
}

/** The fewest requests of a worker over the most of one, between two looks at the counts of all; NaN for none at all. */
export function fairness(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  const shares = [...after].map(([worker, count]) => count - (before.get(worker) ?? 0));
  return Math.min(...shares) / Math.max(...shares);
}

export function shuffled(length: number): number[] {
  return Array.from({ length }, (_, i) => ({ i, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ i }) => i);
}
