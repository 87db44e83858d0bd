// What stands below the second table: single figures, each with the bound that it is held against. None of them fails a run.

import type { Cores } from '../cores.ts';
import type { Generator } from '../generators/generator.ts';
import { type Estimate, estimate, median, pairedRatios, type Slice } from '../statistics.ts';
import { loadFor, settled, shuffled, sideBySide, warmUp } from './measure.ts';
import { PeerProcess, type StartOptions } from './peer-process.ts';
import type { PeerName } from './peers.ts';
import { pssOf } from './process-tree.ts';
import { believed } from './results.ts';
import { PAGES } from './rows.ts';
import type { Site } from './site.ts';

export interface Finding {
  /** What was measured. */
  readonly text: string;
  readonly value: number;
  readonly unit?: string;
  readonly interval?: Estimate;
  /** What a server of the same kind came to against itself, where that was measured. */
  readonly self?: number;
  readonly bound: { readonly least: number } | { readonly most: number };
}

export interface FindingOptions {
  readonly site: Site;
  readonly cores: Cores;
  readonly generator: Generator;
}

/** The line of a finding. */
export function printFinding({ text, value, unit, interval, self, bound }: Finding): string {
  const figure = (number: number): string => (unit === undefined ? number.toFixed(3) : `${number.toFixed(1)} ${unit}`);
  const [word, limit] = 'least' in bound ? ['at least', bound.least] : ['at most', bound.most];
  const holds = 'least' in bound ? value >= bound.least : value <= bound.most;
  const verdict = Number.isNaN(value) ? 'not measured' : holds ? 'holds' : 'DOES NOT HOLD';
  const range = interval === undefined ? '' : ` (${figure(interval.low)}-${figure(interval.high)})`;
  const noisy = self !== undefined && !believed(self) ? ', but TOO NOISY to be believed' : '';
  const noise = self === undefined ? '' : `${noisy} (against itself: ${figure(self)})`;
  return `${text}: ${figure(value)}${range}; ${word} ${figure(limit)}: ${verdict}${noise}`;
}

/** Two workers against two servers with one worker each, on the page that takes CPU time, in turns. */
export async function scaling(options: FindingOptions & { turns: number; turn: number }): Promise<Finding> {
  const { cores, generator, turns, turn } = options;
  // In one session, or two processes would be given more of a busy machine than two workers.
  const together = { ...options, apart: false };
  return withPeers(together, [['tsgi', 2], ...Array(4).fill(['tsgi', 1])], async ([both, ...single]) => {
    const contenders = [[both], single.slice(0, 2), single.slice(2)] as PeerProcess[][];
    for (const peer of contenders.flat()) peer.pin(cores.all.slice(-2));
    const measure = async (peers: readonly PeerProcess[]): Promise<number> => {
      const connections = PAGES.cpu.connections / peers.length;
      const by = { cores, generator, connections };
      const reports = await Promise.all(peers.map((peer) => loadFor(turn, peer, PAGES.cpu, by)));
      await Promise.all(peers.map(settled));
      return reports.reduce((sum, { perSecond }) => sum + perSecond, 0);
    };
    // The first turn of each warms it up.
    for (const peers of contenders) await measure(peers);
    const ratios: number[] = [];
    const selves: number[] = [];
    for (let i = 0; i < turns; i++) {
      const rates: number[] = [];
      for (const c of shuffled(contenders.length)) rates[c] = await measure(contenders[c] as PeerProcess[]);
      const [two, pair, again] = rates as [number, number, number];
      ratios.push(two / pair);
      selves.push(again / pair);
    }
    const interval = estimate([ratios]);
    return {
      text: 'tsgi, 2 workers over 2 independent processes, requests/s of the page cpu',
      value: interval.value,
      interval,
      self: median(selves),
      bound: { least: 0.95 },
    };
  });
}

/** What the arbiter takes, and how much more an idle worker takes than an idle Fastify process. */
export async function idleMemory(options: FindingOptions & { rounds: number; settle: number }): Promise<Finding[]> {
  const arbiters: number[] = [];
  const differences: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    await withPeers(
      options,
      [
        ['tsgi', 2],
        ['fastify', 1],
      ],
      async ([server, bare]) => {
        await new Promise((resolve) => setTimeout(resolve, options.settle));
        const [arbiter, ...workers] = (server as PeerProcess).tree();
        arbiters.push(pssOf([arbiter as number]));
        differences.push(pssOf(workers) / workers.length - pssOf((bare as PeerProcess).tree()));
      },
    );
  }
  const inMegabytes = (bytes: readonly number[]) => ({ value: median(bytes) / 1024 / 1024, unit: 'MB' });
  return [
    { text: 'tsgi, memory of the arbiter with 2 idle workers', ...inMegabytes(arbiters), bound: { most: 45 } },
    {
      text: 'tsgi, memory of an idle worker over that of an idle fastify.listen',
      ...inMegabytes(differences),
      bound: { most: 14 },
    },
  ];
}

/** `tsgi serve` with its access log and metrics against `fastify.listen` that writes the same lines. */
export async function loggedCost(options: FindingOptions & { rounds: number }): Promise<Finding> {
  const ratios: number[][] = [];
  const selves: number[][] = [];
  for (let round = 0; round < options.rounds; round++) {
    const starts: Starts = [
      ['fastify logged', 1],
      ['fastify logged', 1],
      ['tsgi logged', 1],
    ];
    await withPeers(options, starts, async (peers) => {
      const [baseline, again, mine] = peers;
      for (const peer of peers) await warmUp(peer, PAGES.hello, options);
      for (const peer of peers) peer.pin(options.cores.all.slice(-1));
      const beside = async (peer: PeerProcess): Promise<number[]> => {
        const pair = [peer, baseline as PeerProcess];
        const { slices } = await sideBySide(pair, { ...PAGES.hello, slices: 8 }, options);
        return pairedRatios(...(slices as [Slice[], Slice[]]));
      };
      selves.push(await beside(again as PeerProcess));
      ratios.push(await beside(mine as PeerProcess));
    });
  }
  const interval = estimate(ratios);
  return {
    text: 'tsgi with metrics and access log over fastify.listen with the same log, CPU time per request of hello',
    value: interval.value,
    interval,
    self: median(selves.flat()),
    bound: { most: 1.25 },
  };
}

/** What `tsgi` takes on the disk once npm has installed it. */
export function installedSize({ site }: FindingOptions): Finding {
  const value = site.installed / 1024 / 1024;
  return { text: 'tsgi, installed with its dependencies', value, unit: 'MB', bound: { most: 14 } };
}

type Starts = readonly (readonly [name: PeerName, workers: number])[];

/** Calls `use` with fresh servers, and ends them. */
async function withPeers<T>(
  options: StartOptions,
  starts: Starts,
  use: (peers: readonly PeerProcess[]) => Promise<T>,
): Promise<T> {
  const peers: PeerProcess[] = [];
  try {
    for (const [name, workers] of starts) peers.push(await PeerProcess.start(name, workers, options));
    return await use(peers);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
  }
}
