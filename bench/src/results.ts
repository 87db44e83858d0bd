// From the rounds of a group to the rows of the table.

import type { Group, Row } from './groups.ts';
import type { Round, ServerRound } from './measure.ts';
import { type Estimate, estimate, median, pairedRatios } from './statistics.ts';

export interface RowResult {
  readonly row: Row;
  /** Microseconds of the server's CPU time per request. */
  readonly cpu: number;
  /** CPU time per request over the baseline's; null for the baseline itself. */
  readonly ratio: Estimate | null;
  /** Requests per second, on a share of the core. */
  readonly perSecond: number;
  /** Milliseconds, on a share of the core. */
  readonly p99: number;
  /** Bytes. */
  readonly memory: number;
  readonly errors: number;
}

export interface GroupResult {
  readonly group: Group;
  /** The generator that loaded it. */
  readonly generator: string;
  readonly rows: readonly RowResult[];
  /** How often it was measured on because it was too noisy. */
  readonly repeats: number;
  /** Whether the self row left the range within which figures are believed. */
  readonly noisy: boolean;
  /** How far the self row is from 1, as a factor's logarithm. */
  readonly off: number;
  /** The raw figures. */
  readonly rounds: readonly Round[];
}

/** Where the ratio of a server against itself must lie for its group to be believed. */
export const BELIEVED = { low: 0.98, high: 1.02 } as const;

export function summarize(group: Group, generator: string, rounds: readonly Round[], repeats: number): GroupResult {
  const baseline = group.rows.findIndex(({ role }) => role === 'baseline');
  const rows = group.rows.map((row, i): RowResult => {
    const mine = rounds.map((round) => round[i] as ServerRound);
    const slices = mine.flatMap((round) => round.slices);
    const ratios = rounds.map((round, r) =>
      pairedRatios((mine[r] as ServerRound).slices, (round[baseline] as ServerRound).slices),
    );
    return {
      row,
      cpu: median(slices.filter(({ requests }) => requests > 0).map(({ cpu, requests }) => cpu / requests)),
      ratio: row.role === 'baseline' ? null : estimate(ratios),
      perSecond: median(mine.map(({ perSecond }) => perSecond)),
      p99: median(mine.map(({ p99 }) => p99)),
      memory: median(mine.map(({ memory }) => memory)),
      errors: mine.reduce((sum, { errors }) => sum + errors, 0),
    };
  });
  const self = rows.find(({ row }) => row.role === 'self')?.ratio?.value ?? Number.NaN;
  const noisy = !(self >= BELIEVED.low && self <= BELIEVED.high);
  return { group, generator, rows, repeats, noisy, off: Math.abs(Math.log(self)), rounds };
}
