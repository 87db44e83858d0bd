// Runs every case in every column, adapter by kind of application, and prints the table. Exits with 1 where it has a hole.
//
//   node --conditions=@tsgi/source matrix/main.ts [ADAPTER] [KIND]

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Result } from '@tsgi/conformance';
import { adapters } from './adapters.ts';
import { kinds } from './kinds/index.ts';
import { type Column, report } from './table.ts';

/** Milliseconds after which a column is given up; a busy machine takes a tenth of it. */
const DEADLINE = 120_000;

const [onlyAdapter, onlyKind] = process.argv.slice(2);
const wanted = adapters
  .filter(({ name }) => onlyAdapter === undefined || name === onlyAdapter)
  .flatMap((adapter) =>
    kinds
      .filter(({ name }) => onlyKind === undefined || name === onlyKind)
      .map((kind) => ({ adapter: adapter.name, kind: kind.name })),
  );
if (wanted.length === 0) {
  console.error(`columns are an adapter (${list(adapters)}) and a kind (${list(kinds)})`);
  process.exit(2);
}

const columns: Column[] = [];
const waiting = [...wanted.entries()];
// Not more than run side by side: the cases wait for each other's turns, and time limits pass meanwhile.
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
const { text, whole } = report(columns, onlyAdapter === undefined);
console.log(text);
process.exitCode = whole ? 0 : 1;

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [index, { adapter, kind }] = next;
    columns[index] = await run(adapter, kind);
  }
}

/** Runs one column in a process of its own. */
function run(adapter: string, kind: string): Promise<Column> {
  return new Promise((resolve) => {
    const results: Result[] = [];
    let late = false;
    const child = fork(new URL('column.ts', import.meta.url), [adapter, kind]);
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, DEADLINE);
    child.on('message', (result) => results.push(result as Result));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const last = results.at(-1)?.title ?? 'nothing';
      const crash = late
        ? `its process did not end by itself; the last case was "${last}"`
        : status === 0
          ? undefined
          : `its process ended with ${signal ?? status} after "${last}"`;
      resolve({ adapter, kind, results, crash });
    });
  });
}

function list(of: readonly { readonly name: string }[]): string {
  return of.map(({ name }) => name).join(', ');
}
