// The fourth table, as a person reads it.

import Table from 'cli-table3';
import { BELIEVED } from '../results.ts';
import { type Estimate, estimate, median, pairedRatios, type Slice } from '../statistics.ts';
import type { NginxRound } from './measure.ts';
import { type NginxRow, ROWS, WANTED } from './rows.ts';

export interface NginxSection {
  readonly title: string;
  readonly rounds: readonly (readonly NginxRound[])[];
}

type Part = 'nginx' | 'application' | 'both';

const HEAD = ['behind Nginx', 'Nginx us', 'application us', 'both us', 'ratio (95% interval)', 'requests/s'];

const perRequest = (slices: readonly Slice[]): number =>
  median(slices.filter(({ requests }) => requests > 0).map(({ cpu, requests }) => cpu / requests));

/** Microseconds of CPU time a request, of one part of a row. */
const cpuOf = ({ rounds }: NginxSection, row: number, part: Part): number =>
  perRequest(rounds.flatMap((round) => round[row]?.[part] ?? []));

/** The CPU time of one part of a row, over that of the baseline. */
export function ratioOf({ rounds }: NginxSection, row: number, part: Part): Estimate {
  const baseline = ROWS.findIndex(({ role }) => role === 'baseline');
  return estimate(rounds.map((round) => pairedRatios(round[row]?.[part] ?? [], round[baseline]?.[part] ?? [])));
}

const text = ({ value, low, high }: Estimate): string => `${value.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`;

export function printNginx(sections: readonly NginxSection[]): string {
  const table = new Table({
    head: HEAD,
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const section of sections) {
    table.push([{ colSpan: HEAD.length, content: `${section.title}${remark(section)}` }]);
    for (const [i, row] of ROWS.entries()) table.push(cells(section, i, row));
  }
  return `${table}\n${sections.map(verdict).join('\n')}`;
}

function cells(section: NginxSection, i: number, { name, role }: NginxRow): string[] {
  const { rounds } = section;
  return [
    `  ${name}`,
    ...(['nginx', 'application', 'both'] as const).map((part) => cpuOf(section, i, part).toFixed(1)),
    role === 'baseline' ? '1' : text(ratioOf(section, i, 'both')),
    median(rounds.map((round) => round[i]?.perSecond ?? Number.NaN)).toFixed(0),
  ];
}

/** Whether the row of TCP against itself is as far from 1 as nobody should believe. */
export function isNoisy(section: NginxSection): boolean {
  const { value } = ratioOf(
    section,
    ROWS.findIndex(({ role }) => role === 'self'),
    'both',
  );
  return !(value >= BELIEVED.low && value <= BELIEVED.high);
}

function remark(section: NginxSection): string {
  const errors = section.rounds.flat().reduce((sum, row) => sum + row.errors, 0);
  return [
    isNoisy(section) ? `, TOO NOISY to be believed (TCP against itself left ${BELIEVED.low}-${BELIEVED.high})` : '',
    errors > 0 ? `, ${errors} FAILED REQUESTS` : '',
  ].join('');
}

/** What the figures come to, in a line. */
function verdict(section: NginxSection): string {
  const row = ROWS.findIndex(({ role }) => role === 'compared');
  const [nginx, application, both] = (['nginx', 'application', 'both'] as const).map((part) =>
    ratioOf(section, row, part),
  ) as [Estimate, Estimate, Estimate];
  const parts = `Nginx ${text(nginx)}, application ${text(application)}`;
  const held = both.value <= WANTED ? 'holds' : `does not hold: it is ${both.value.toFixed(3)}`;
  return `${section.title.split(':')[0]}: a Unix socket over TCP: ${parts}; at most ${WANTED} of both ${held}`;
}
