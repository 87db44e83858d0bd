// `pnpm bench`: compares servers in one run and prints one table. README.md tells how, and how to read it.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chooseCores, moveToLoadCore } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import type { Generator } from './generators/generator.ts';
import { findWrk } from './generators/wrk.ts';
import { chooseGroups, type Group } from './groups.ts';
import { measureRound } from './measure.ts';
import { measureAll } from './schedule.ts';
import { printTable } from './table.ts';

const USAGE = `usage: pnpm bench [--quick] [--only WORD]... [--json FILE]
  --quick      one minute in place of six: wider intervals
  --only WORD  only this payload (hello, json, upload, quotes) or group (fastify, express, hono, "unix socket")
  --json FILE  writes the raw figures, slice by slice
`;

/** A full run ends within six minutes, a quick one within one; a round that would not fit is not begun. Times in milliseconds. */
const FULL = { limit: 340_000, rounds: 4, repeats: 2, slices: 8, sliceTime: 250, warmUp: 1, connections: 32 };
const QUICK = { limit: 52_000, rounds: 1, repeats: 0, slices: 6, sliceTime: 250, warmUp: 0.4, connections: 32 };

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

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const plan = values.quick ? QUICK : FULL;
const groups = chooseGroups(values.only);
const cores = chooseCores();
moveToLoadCore(cores);
const wrk = findWrk();
const generatorOf = ({ generator }: Group): Generator => (generator === 'tcp' && wrk !== null ? wrk : autocannon);

say(`Node ${process.version}, ${cores.text}`);
say(wrk === null ? `load: ${autocannon.text}; wrk, which is lighter, is not installed` : `load: ${wrk.text}`);
if (wrk !== null) say(`load of Unix sockets, and of TCP beside them: ${autocannon.text}`);

const results = await measureAll(groups, plan, {
  round: (group) => measureRound(group, { ...plan, cores, generator: generatorOf(group) }),
  generator: (group) => generatorOf(group).text,
  say,
});
if (results.length === 0) {
  say('nothing could be measured');
  process.exit(1);
}
process.stdout.write(`${printTable(results)}\n`);
if (values.json !== undefined) {
  const raw = { node: process.version, cores: cores.text, plan, results };
  writeFileSync(values.json, `${JSON.stringify(raw, null, 1)}\n`);
}
