// `pnpm bench --rolling`: 14 rolling replacements of two processes on one inherited descriptor under 60 keep-alive clients,
// three times over TCP and three times over a Unix socket. Exits with 1 when a single request failed.

import Table from 'cli-table3';
import type { PhaseReport } from './load/load.ts';
import { rollingReplacements } from './rolling/replacements.ts';

const REPLACEMENTS = 14;
const CLIENTS = 60;
const RUNS = 3;
/** Requests before and after the replacements. */
const LEAD = 6000;

const table = new Table({
  head: ['transport', 'run', 'replaced', 'processes', 'requests', 'failed', 'p99 before', 'p99 during', 'slowest'],
  style: { head: [], border: [] },
});
const failures: Record<string, number> = {};
let bad = false;

for (const transport of ['tcp', 'unix'] as const) {
  for (let run = 1; run <= RUNS; run++) {
    process.stderr.write(`${transport}, run ${run} of ${RUNS}\n`);
    const { before, during, after, crashed } = await rollingReplacements({
      transport,
      replacements: REPLACEMENTS,
      clients: CLIENTS,
      lead: LEAD,
    });
    const phases: PhaseReport[] = [before, during, after];
    const sum = (count: (phase: PhaseReport) => number): number =>
      phases.reduce((total, phase) => total + count(phase), 0);
    for (const phase of phases) {
      for (const [kind, count] of Object.entries(phase.failures)) failures[kind] = (failures[kind] ?? 0) + count;
    }
    const failed = sum((phase) => phase.failed);
    bad ||= failed > 0 || crashed > 0;
    if (crashed > 0) process.stderr.write(`  ${crashed} processes did not end by themselves with exit status 0\n`);
    const slowest = Math.max(...phases.map((phase) => phase.slowest));
    table.push([
      transport,
      run,
      REPLACEMENTS,
      during.processes,
      sum((phase) => phase.requests),
      failed,
      ...[before.p99, during.p99, slowest].map((milliseconds) => `${milliseconds.toFixed(0)} ms`),
    ]);
  }
}
process.stdout.write(`${table.toString()}\n`);
for (const [kind, count] of Object.entries(failures)) process.stdout.write(`${count} x ${kind}\n`);
process.exitCode = bad ? 1 : 0;
