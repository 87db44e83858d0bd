// Runs the cases for one column: an adapter with a kind of application.

import { type Break, RULES } from '@tsgi/core';
import type { AdapterUnderTest } from './adapter.ts';
import type { Case, Row } from './case.ts';
import { cases } from './cases/index.ts';
import type { Kind } from './kind.ts';
import { Stage } from './stage.ts';

/** Milliseconds after which a case hangs. None takes a tenth of it on a busy machine. */
const DEADLINE = 20_000;

/** How one case ended. */
export interface Result {
  readonly title: string;
  readonly rules: readonly Row[];
  readonly status: 'ok' | 'failed' | 'n/a';
  /** What failed, or why the case does not apply. */
  readonly reason: string;
  /** Rules that were broken while it ran, not on purpose. */
  readonly breaks: readonly Break[];
}

/** Why `one` does not apply to a column; `undefined` where it does. */
export function inapplicable(one: Case, adapter: AdapterUnderTest, kind: Kind): string | undefined {
  const lacking: Readonly<Record<string, string>> = { ...adapter.lacks, ...kind.lacks };
  for (const needed of one.needs ?? []) if (lacking[needed] !== undefined) return lacking[needed];
  return undefined;
}

/** Runs one case. Resolves however it ends. */
export async function runCase(one: Case, adapter: AdapterUnderTest, kind: Kind): Promise<Result> {
  const { title, rules } = one;
  const reason = inapplicable(one, adapter, kind);
  if (reason !== undefined) return { title, rules, status: 'n/a', reason, breaks: [] };
  const stage = new Stage(adapter, kind);
  const problems: string[] = [];
  // Both are tried: what a case leaves open must not meet the next one.
  for (const step of [() => one.run(stage), () => stage.finish()]) {
    try {
      await inTime(step());
    } catch (error) {
      problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  const onPurpose = one.breaks ?? [];
  const breaks = stage.breaks.filter(({ rule }) => !onPurpose.includes(rule));
  return { title, rules, status: problems.length > 0 ? 'failed' : 'ok', reason: problems.join('\n'), breaks };
}

/** Runs every case of a column, one after the other. */
export async function* runColumn(adapter: AdapterUnderTest, kind: Kind): AsyncGenerator<Result> {
  for (const one of cases) yield await runCase(one, adapter, kind);
}

/** A cell of the table: a row in a column. */
export interface Cell {
  readonly status: 'ok' | 'FAIL' | 'n/a' | 'hole';
  /** What failed, or why nothing applies. */
  readonly reasons: readonly string[];
}

/** What the results of a column say about each row. */
export function cells(results: readonly Result[]): Map<Row, Cell> {
  const rows: Row[] = [...RULES.map((rule) => rule.number), 'HTTP'];
  return new Map(rows.map((row) => [row, cell(row, results)]));
}

function cell(row: Row, results: readonly Result[]): Cell {
  const own = results.filter(({ rules }) => rules.includes(row));
  const failures = own.filter(({ status }) => status === 'failed').map(({ title }) => title);
  const breaks = results.flatMap(({ title, breaks }) => breaks.filter(({ rule }) => rule === row).map(() => title));
  if (failures.length + breaks.length > 0) return { status: 'FAIL', reasons: [...new Set([...failures, ...breaks])] };
  if (own.some(({ status }) => status === 'ok')) return { status: 'ok', reasons: [] };
  if (own.length === 0) return { status: 'hole', reasons: ['no case has it'] };
  return { status: 'n/a', reasons: [...new Set(own.map(({ reason }) => reason))] };
}

async function inTime(promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the case hangs: it did not end within ${DEADLINE} ms`)), DEADLINE);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
