// The third table: three parts, each for a person to read.

import Table from 'cli-table3';
import { PAYLOADS } from '../payloads.ts';
import { BELIEVED, type GroupResult } from '../results.ts';
import type { Crowd } from './crowd.ts';
import type { WorkersRow } from './workers.ts';

/** One request of Movie Quotes, against the same bytes out of memory. */
export interface Split {
  readonly database: string;
  readonly result: GroupResult;
  /** That one request makes. */
  readonly queries: number;
}

const style = { head: [], border: [], compact: true };

/** Microseconds of CPU time a request: what serving the bytes costs, what the queries add, and what the application adds. */
export function printSplits(splits: readonly Split[]): string {
  const head = ['where the time goes', 'queries', 'HTTP us', 'queries us', 'application us', 'sum us'];
  const table = new Table({
    head: [...head, 'over bytes + queries'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style,
  });
  for (const { database, result, queries } of splits) {
    const [withQueries, , bytes, whole] = result.rows.map(({ cpu }) => cpu) as [number, number, number, number];
    const ratio = result.rows[3]?.ratio;
    table.push([
      `${PAYLOADS[result.group.payload].title.split(':')[0]}, ${database}${result.noisy ? ` (noisy: a server against itself left ${BELIEVED.low}-${BELIEVED.high})` : ''}`,
      queries,
      bytes.toFixed(1),
      (withQueries - bytes).toFixed(1),
      (whole - withQueries).toFixed(1),
      whole.toFixed(1),
      ratio ? `${ratio.value.toFixed(3)} (${ratio.low.toFixed(3)}-${ratio.high.toFixed(3)})` : '-',
    ]);
  }
  return table.toString();
}

export function printWorkers(rows: readonly WorkersRow[]): string {
  const table = new Table({
    head: ['request', 'database', 'workers', 'CPU us/request', "MariaDB's us", 'requests/s', 'p99 ms', 'failed'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style,
  });
  for (const { request, database, workers, cpu, databaseCpu, perSecond, p99, errors } of rows) {
    table.push([
      request,
      database,
      workers,
      cpu.toFixed(0),
      Number.isNaN(databaseCpu) ? '-' : databaseCpu.toFixed(0),
      perSecond.toFixed(0),
      p99.toFixed(1),
      errors,
    ]);
  }
  return table.toString();
}

export function printCrowds(crowds: readonly Crowd[], rate: number): string {
  const table = new Table({
    head: [
      '100 cards at once',
      'before: p50',
      'p99 ms',
      'during: p50',
      'p99 ms',
      'failed',
      'drawn',
      '503',
      'other',
      'MB',
    ],
    colAligns: ['left', ...Array.from({ length: 9 }, () => 'right' as const)],
    style,
  });
  const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
  for (const { workers, before, during, drawn, refused, other, memory } of crowds) {
    table.push([
      `${workers === 1 ? '1 worker' : '2 workers'}, random quotes at ${rate}/s`,
      before.p50.toFixed(1),
      before.p99.toFixed(1),
      during.p50.toFixed(1),
      during.p99.toFixed(1),
      `${before.failed + during.failed} of ${before.requests + during.requests}`,
      drawn,
      refused,
      other,
      `${megabytes(memory.before)}, ${megabytes(memory.most)}, ${megabytes(memory.after)}`,
    ]);
  }
  return `${table}\nMB: memory of all processes before, at the most, and afterwards.`;
}
