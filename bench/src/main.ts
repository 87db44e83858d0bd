// `pnpm bench`: compares servers in one run and prints one table. README.md tells how, and how to read it.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chooseCores, moveToLoadCore } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import { findWrk } from './generators/wrk.ts';
import { chooseGroups, type Group } from './groups.ts';
import { type MeasureOptions, measureRound, type Round } from './measure.ts';
import { type GroupResult, summarize } from './results.ts';
import { printTable } from './table.ts';

const USAGE = `usage: pnpm bench [--quick] [--only WORD]... [--json FILE]
  --quick      one minute in place of six: wider intervals
  --only WORD  only this payload (hello, json, upload, quotes) or group (fastify, express, hono, "unix socket")
  --json FILE  writes the raw figures, slice by slice
`;

/** How long a run takes at most, in milliseconds, and how it is spent. A repeat is begun only when it fits. */
const FULL = { limit: 345_000, rounds: 4, slices: 8, sliceTime: 250, warmUp: 1, repeats: 3 };
const QUICK = { limit: 55_000, rounds: 1, slices: 6, sliceTime: 250, warmUp: 0.4, repeats: 0 };

const started = performance.now();
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const plan = values.quick ? QUICK : FULL;
const groups = chooseGroups(values.only);
const cores = chooseCores();
moveToLoadCore(cores);
const wrk = findWrk();
const results: (GroupResult | null)[] = [];

const say = (text: string): boolean => process.stderr.write(`${text}\n`);
const left = (): number => plan.limit - (performance.now() - started);

say(`Node ${process.version}, ${cores.text}`);
say(`load: ${wrk?.text ?? `${autocannon.text} (wrk, which is lighter, is not installed)`}`);
if (wrk !== null) say(`load of Unix sockets, and of TCP beside them: ${autocannon.text}`);

let longest = 0;
for (const [i, group] of groups.entries()) {
  say(`${String(i + 1).padStart(2)}/${groups.length} ${group.payload}: ${group.name}`);
  results[i] = await measure(group, 1);
}
// A group whose server differed from itself is run again, the worst first, while there is time.
for (let repeat = 0; repeat < plan.repeats * groups.length && left() > longest; repeat++) {
  const at = worst();
  if (at === -1) break;
  const group = groups[at] as Group;
  const attempts = (results[at]?.attempts ?? 0) + 1;
  say(`again: ${group.payload}: ${group.name} (a server against itself left 0.98-1.02)`);
  results[at] = (await measure(group, attempts)) ?? (results[at] as GroupResult | null);
}

const measured = results.filter((result) => result !== null);
if (measured.length === 0) {
  say('nothing could be measured');
  process.exit(1);
}
process.stdout.write(`${printTable(measured)}\n`);
const noisy = measured.filter((result) => result.noisy).length;
say(`${noisy} of ${measured.length} groups too noisy; ${((performance.now() - started) / 1000).toFixed(0)} s`);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ node: process.version, cores: cores.text, plan, results: measured }, null, 1)}\n`,
  );

/** One run of a group; null when it cannot be measured, with the reason on standard error. */
async function measure(group: Group, attempts: number): Promise<GroupResult | null> {
  const generator = group.generator === 'tcp' && wrk !== null ? wrk : autocannon;
  const options: MeasureOptions = { ...plan, generator, cores, connections: 32 };
  const begun = performance.now();
  try {
    const rounds: Round[] = [];
    while (rounds.length < plan.rounds) rounds.push(await measureRound(group, options));
    return summarize(group, generator.text, rounds, attempts);
  } catch (error) {
    say(`   ${error instanceof Error ? error.message : error}`);
    return null;
  } finally {
    longest = Math.max(longest, performance.now() - begun);
  }
}

/** The group whose self row is farthest off and which may be run again; -1 for none. */
function worst(): number {
  const off = results.map((result) => {
    if (result === null || !result.noisy || result.attempts > plan.repeats) return 0;
    const self = result.rows.find(({ row }) => row.role === 'self');
    return Math.abs(Math.log(self?.ratio?.value ?? 1));
  });
  const most = Math.max(...off);
  return most > 0 ? off.indexOf(most) : -1;
}
