// The report: the table of rules and columns, and below it what it leaves out.

import { styleText } from 'node:util';
import { type Cell, cells, type Result, type Row } from '@tsgi/conformance';
import Table from 'cli-table3';
import { TITLES } from './titles.ts';

/** One column with what came of it. */
export interface Column {
  readonly adapter: string;
  readonly kind: string;
  readonly results: readonly Result[];
  /** Why its process ended otherwise than it should; `undefined` where it did. */
  readonly crash: string | undefined;
}

/**
 * The table and the reasons, as text for a terminal of 120 columns; `whole` where there is no hole in it. Where these are
 * `all` the columns, a rule that applies in none of them is a hole too.
 */
export function report(columns: readonly Column[], all: boolean): { readonly text: string; readonly whole: boolean } {
  const grid = columns.map(({ results }) => cells(results));
  const rows = Object.keys(TITLES) as Row[];
  const parts = [draw(columns, grid, rows)];
  const problems = [...failures(columns), ...crashes(columns), ...holes(columns, grid, rows, all)];
  const notes = reasons(columns, grid, rows);
  if (notes.length > 0) parts.push(['n/a:', ...notes].join('\n'));
  if (problems.length > 0) parts.push(problems.join('\n\n'));
  parts.push(counts(columns, grid));
  return { text: parts.join('\n\n'), whole: problems.length === 0 };
}

function draw(columns: readonly Column[], grid: readonly Map<Row, Cell>[], rows: readonly Row[]): string {
  const table = new Table({
    colWidths: [4, 23, ...columns.map(() => 4)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    wordWrap: false,
  });
  const adapters = [...new Set(columns.map(({ adapter }) => adapter))];
  table.push([
    { colSpan: 2, content: '' },
    ...adapters.map((adapter) => ({
      colSpan: columns.filter((column) => column.adapter === adapter).length,
      content: adapter,
      hAlign: 'center' as const,
    })),
  ]);
  table.push(['', 'rule', ...columns.map(({ kind }) => kind.slice(0, 4))]);
  for (const row of rows) {
    table.push([row, TITLES[row], ...grid.map((column) => shown(column.get(row) as Cell))]);
  }
  return table.toString();
}

function shown({ status }: Cell): string {
  if (status === 'ok') return styleText('green', 'ok');
  if (status === 'n/a') return styleText('dim', 'n/a');
  return styleText(['red', 'bold'], status);
}

/** Why cells are not applicable: each reason once, with its rules and columns. */
function reasons(columns: readonly Column[], grid: readonly Map<Row, Cell>[], rows: readonly Row[]): string[] {
  const where = new Map<string, { readonly rules: Set<Row>; readonly names: Set<string> }>();
  grid.forEach((column, i) => {
    for (const row of rows) {
      const cell = column.get(row) as Cell;
      if (cell.status !== 'n/a') continue;
      for (const reason of cell.reasons) {
        const { adapter, kind } = columns[i] as Column;
        const known = where.get(reason) ?? { rules: new Set(), names: new Set() };
        known.rules.add(row);
        known.names.add(`${adapter}/${kind}`);
        where.set(reason, known);
      }
    }
  });
  return [...where].map(([reason, { rules, names }]) => {
    return wrap(
      `- ${reason}: ${rows.filter((row) => rules.has(row)).join(' ')} (${shorten([...names], columns)})`,
      118,
      '  ',
    );
  });
}

/** `tcp/koa, unix/koa, inject/koa` as `koa`; `inject/plain, inject/koa, ...` as `inject`. */
function shorten(names: readonly string[], columns: readonly Column[]): string {
  const left = new Set(names);
  const short: string[] = [];
  for (const part of ['kind', 'adapter'] as const) {
    for (const value of new Set(columns.map((column) => column[part]))) {
      const all = columns.filter((column) => column[part] === value).map(({ adapter, kind }) => `${adapter}/${kind}`);
      if (!all.every((name) => left.has(name))) continue;
      short.push(value);
      for (const name of all) left.delete(name);
    }
  }
  return [...short, ...left].join(', ');
}

function failures(columns: readonly Column[]): string[] {
  return columns.flatMap(({ adapter, kind, results }) =>
    results.flatMap(({ title, rules, status, reason, breaks }) => {
      const name = `${adapter}/${kind}: ${rules.join(' ')}: ${title}`;
      const broken = breaks.map(({ rule, side, problem }) => `the ${side} breaks ${rule}: ${problem}`);
      if (status !== 'failed' && broken.length === 0) return [];
      const told = [...(status === 'failed' ? [reason] : []), ...broken].join('\n').replaceAll('\n', '\n  ');
      return [`${styleText(['red', 'bold'], 'FAIL')} ${name}\n  ${told}`];
    }),
  );
}

function crashes(columns: readonly Column[]): string[] {
  return columns.flatMap(({ adapter, kind, crash }) =>
    crash === undefined ? [] : [`${styleText(['red', 'bold'], 'FAIL')} ${adapter}/${kind}: ${crash}`],
  );
}

/** Cells without a case, and rules that apply in no column. */
function holes(
  columns: readonly Column[],
  grid: readonly Map<Row, Cell>[],
  rows: readonly Row[],
  all: boolean,
): string[] {
  const found: string[] = [];
  for (const row of rows) {
    const own = grid.map((column) => column.get(row) as Cell);
    const empty = columns.filter((_, i) => own[i]?.status === 'hole');
    if (empty.length > 0) {
      found.push(`hole: no case proves ${row} in ${empty.map(({ adapter, kind }) => `${adapter}/${kind}`).join(', ')}`);
    } else if (all && own.every(({ status }) => status === 'n/a')) found.push(`hole: ${row} applies in no column`);
  }
  return found;
}

function counts(columns: readonly Column[], grid: readonly Map<Row, Cell>[]): string {
  const results = columns.flatMap((column) => column.results);
  const count = (status: Result['status']): number => results.filter((result) => result.status === status).length;
  const boxes = grid.flatMap((column) => [...column.values()]);
  const box = (status: Cell['status']): number => boxes.filter((cell) => cell.status === status).length;
  return [
    `cases: ${count('ok')} ok, ${count('failed')} failed, ${count('n/a')} n/a`,
    `cells: ${box('ok')} ok, ${box('FAIL')} FAIL, ${box('n/a')} n/a, ${box('hole')} holes`,
  ].join('\n');
}

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
