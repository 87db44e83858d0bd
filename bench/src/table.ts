// The table that a person reads.

import Table from 'cli-table3';
import { PAYLOADS } from './payloads.ts';
import { BELIEVED, type GroupResult, type RowResult } from './results.ts';

const HEAD = ['server', 'CPU us/request', 'ratio (95% interval)', 'requests/s', 'p99 ms', 'memory MB'];

/** One table of all groups, a section a payload. */
export function printTable(results: readonly GroupResult[]): string {
  const table = new Table({
    head: HEAD,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const generators = [...new Set(results.map(({ generator }) => generator))];
  let payload = '';
  for (const result of results) {
    if (result.group.payload !== payload) {
      payload = result.group.payload;
      table.push([{ colSpan: HEAD.length, content: PAYLOADS[result.group.payload].title }]);
    }
    const load = generators.length > 1 ? `, load by ${result.generator.split(' ')[0]}` : '';
    table.push([{ colSpan: HEAD.length, content: `  ${result.group.name}${load}${remark(result)}` }]);
    for (const row of result.rows) table.push(cells(row));
  }
  return table.toString();
}

function remark({ noisy, repeats, rows }: GroupResult): string {
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  return [
    noisy ? `, TOO NOISY to be believed (a server against itself left ${BELIEVED.low}-${BELIEVED.high})` : '',
    repeats > 0 ? `, repeated ${repeats === 1 ? 'once' : `${repeats} times`}` : '',
    errors > 0 ? `, ${errors} FAILED REQUESTS` : '',
  ].join('');
}

function cells({ row, cpu, ratio, perSecond, p99, memory }: RowResult): string[] {
  return [
    `    ${row.name}`,
    cpu.toFixed(1),
    ratio === null ? '1' : `${ratio.value.toFixed(3)} (${ratio.low.toFixed(3)}-${ratio.high.toFixed(3)})`,
    perSecond.toFixed(0),
    p99.toFixed(1),
    Number.isNaN(memory) ? '-' : (memory / 1024 / 1024).toFixed(0),
  ];
}
