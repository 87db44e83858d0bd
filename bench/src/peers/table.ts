// The second table, as a person reads it.

import Table from 'cli-table3';
import { BELIEVED } from '../results.ts';
import { median } from '../statistics.ts';
import type { PeerRound } from './measure.ts';
import type { PeerRowResult, SectionResult } from './results.ts';
import { PAGES, type PeerRow } from './rows.ts';

const HEAD = [
  ...['server', 'CPU us/request', 'ratio (95% interval)', 'requests/s', 'p99 ms', 'memory MB', 'min/max share'],
] as const;

/** One table of all sections, by page and number of workers. */
export function printPeers(sections: readonly SectionResult[]): string {
  const table = new Table({
    head: [...HEAD],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const across = (content: string): void => {
    table.push([{ colSpan: HEAD.length, content }]);
  };
  let page = '';
  for (const section of sections) {
    if (section.page !== page) across(PAGES[section.page].title);
    page = section.page;
    across(`  ${section.workers === 1 ? '1 worker' : `${section.workers} workers`}${remark(section)}`);
    for (const row of section.rows) table.push(cells(row));
  }
  return table.toString();
}

function remark({ noisy, rows }: SectionResult): string {
  const failed = rows.filter(({ errors }) => errors > 0).map(({ row, errors }) => `${errors} of ${row.name}`);
  return [
    noisy ? `, TOO NOISY to be believed (a server against itself left ${BELIEVED.low}-${BELIEVED.high})` : '',
    failed.length > 0 ? `, FAILED REQUESTS: ${failed.join(', ')}` : '',
  ].join('');
}

function cells({ row, cpu, ratio, perSecond, p99, memory, fairness }: PeerRowResult): string[] {
  return [
    `    ${row.name}`,
    cpu.toFixed(1),
    row.role === 'baseline' ? '1' : ratio === null ? '-' : interval(ratio),
    perSecond.toFixed(0),
    p99.toFixed(1),
    Number.isNaN(memory) ? '-' : (memory / 1024 / 1024).toFixed(0),
    fairness.toFixed(2),
  ];
}

function interval({ value, low, high }: { value: number; low: number; high: number }): string {
  return `${value.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`;
}

/** One line: milliseconds from the command to the first answer, by row, with so many workers. */
export function printColdStarts(rows: readonly PeerRow[], workers: number, rounds: readonly PeerRound[]): string {
  const times = rows.flatMap(({ name, role }, i) => {
    const took = median(rounds.flatMap((round) => round[i]?.coldStart ?? []));
    return role === 'self' || Number.isNaN(took) ? [] : [`${name} ${took.toFixed(0)} ms`];
  });
  return `cold start to the first answer, ${workers === 1 ? '1 worker' : `${workers} workers`}: ${times.join('; ')}`;
}
