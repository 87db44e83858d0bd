// `pnpm bench`: compares servers in one run and prints one table. README.md tells how, and how to read it.

import { closeSync, openSync, writeFileSync } from 'node:fs';
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
       pnpm bench --servers [--quick] [--json FILE]
       pnpm bench --quotes [--quick] [--json FILE]
       pnpm bench --nginx [--quick] [--json FILE]
       pnpm bench --heap
       pnpm bench --rolling
  --quick      within one minute: hello, unless --only asks for another part, in fewer rounds
  --only WORD  only this payload (hello, json, upload, quotes) or group (fastify, "unix socket", express, hono)
  --json FILE  writes the raw figures, slice by slice
  --servers    the second table: application servers and process managers, within six minutes, or three with --quick
  --quotes     the third table: Movie Quotes, request by request, within six minutes
  --nginx      the fourth table: a Unix socket against TCP behind Nginx, within three minutes
  --heap       the leak check: the heap in use after 100,000 and after 300,000 requests
  --rolling    rolling replacements of processes under load, three times over TCP and over a Unix socket
`;

/** A full run ends within six minutes, a quick one within one; a round that would not fit is not begun. Times in milliseconds. */
const FULL = { limit: 345_000, passes: 3, repeats: 4, slices: 5, sliceTime: 200, connections: 32 };
const QUICK = { ...FULL, limit: 52_000, passes: 1 };

// What is started here ends with this process, also when it is told to end.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const options = readOptions();
if (options.help) process.stdout.write(USAGE);
else if (options.servers) await (await import('./peers.ts')).compareServers(options);
else if (options.quotes) await (await import('./quotes.ts')).compareQuotes(options);
else if (options.nginx) await (await import('./nginx.ts')).compareNginx(options);
else if (options.heap) await import('./heap.ts');
else if (options.rolling) await import('./rolling.ts');
else await compare();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        servers: { type: 'boolean', default: false },
        quotes: { type: 'boolean', default: false },
        nginx: { type: 'boolean', default: false },
        heap: { type: 'boolean', default: false },
        rolling: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    // Now, and not after six minutes.
    if (values.json !== undefined) closeSync(openSync(values.json, 'a'));
    const words = values.quick && values.only.length === 0 ? ['hello'] : values.only;
    return { ...values, groups: chooseGroups(words) };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

async function compare(): Promise<void> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const plan = options.quick ? QUICK : FULL;
  const cores = chooseCores();
  moveToLoadCore(cores);
  const wrk = findWrk();
  const generatorOf = ({ generator }: Group): Generator => (generator === 'tcp' && wrk !== null ? wrk : autocannon);

  say(`Node ${process.version}, ${cores.text}`);
  say(wrk === null ? `load: ${autocannon.text}; wrk, which is lighter, is not installed` : `load: ${wrk.text}`);
  if (wrk !== null && options.groups.some(({ generator }) => generator === 'unix'))
    say(`load of Unix sockets, and of TCP beside them: ${autocannon.text}`);

  const results = await measureAll(options.groups, plan, {
    round: (group) => measureRound(group, { ...plan, cores, generator: generatorOf(group) }),
    generator: (group) => generatorOf(group).text,
    say,
  });
  if (results.length === 0) {
    say('nothing could be measured');
    process.exitCode = 1;
    return;
  }
  process.stdout.write(`${printTable(results)}\n`);
  if (options.json !== undefined) {
    const raw = { node: process.version, cores: cores.text, plan, results };
    writeFileSync(options.json, `${JSON.stringify(raw, null, 1)}\n`);
  }
}
