// From the rounds of the second table to its rows.

import { BELIEVED } from '../results.ts';
import { type Estimate, estimate, median, pairedRatios } from '../statistics.ts';
import type { PageFigures, PeerRound } from './measure.ts';
import { PAGE_NAMES, type PageName, type PeerRow } from './rows.ts';

export interface PeerRowResult {
  readonly row: PeerRow;
  /** Microseconds of CPU time of all its processes per request. */
  readonly cpu: number;
  /** CPU time per request over the baseline's; null for the baseline itself, and where that is missing. */
  readonly ratio: Estimate | null;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Bytes. */
  readonly memory: number;
  /** The worker with the fewest requests over the one with the most; 1 where there is only one. */
  readonly fairness: number;
  readonly errors: number;
}

/** A page with so many workers: its rows were measured together. */
export interface SectionResult {
  readonly page: PageName;
  readonly workers: number;
  readonly rows: readonly PeerRowResult[];
  /** Whether the self row left the range within which ratios are believed. */
  readonly noisy: boolean;
}

/** Rounds by number of workers. What was not measured in any round is missing. */
export function summarizePeers(
  rows: readonly PeerRow[],
  rounds: ReadonlyMap<number, readonly PeerRound[]>,
): SectionResult[] {
  const sections = PAGE_NAMES.flatMap((page) =>
    [...rounds].map(([workers, measured]) => {
      const of = (i: number): (PageFigures | undefined)[] => measured.map((round) => round[i]?.pages[page]);
      const results = rows.map((row, i) => summarizeRow(row, of(i))).filter((result) => result !== null);
      const self = results.find(({ row }) => row.role === 'self')?.ratio?.value ?? Number.NaN;
      return { page, workers, rows: results, noisy: !believed(self) };
    }),
  );
  return sections.filter(({ rows }) => rows.length > 0);
}

function summarizeRow(row: PeerRow, figures: readonly (PageFigures | undefined)[]): PeerRowResult | null {
  const mine = figures.filter((one) => one !== undefined);
  if (mine.length === 0) return null;
  const ratios = mine.map(({ slices, against }) => pairedRatios(slices, against));
  const slices = mine.flatMap((one) => one.slices).filter(({ requests }) => requests > 0);
  const middle = (of: (one: PageFigures) => number): number => median(mine.map(of));
  return {
    row,
    cpu: median(slices.map(({ cpu, requests }) => cpu / requests)),
    ratio: ratios.flat().length === 0 ? null : estimate(ratios),
    perSecond: middle((one) => one.perSecond),
    p99: middle((one) => one.p99),
    memory: middle((one) => one.memory),
    fairness: middle((one) => one.fairness),
    errors: mine.reduce((sum, { errors }) => sum + errors, 0),
  };
}

/** Whether a server against itself came out near enough to 1. */
export function believed(self: number): boolean {
  return self >= BELIEVED.low && self <= BELIEVED.high;
}
