// `pnpm bench --quotes`: Movie Quotes, request by request. Where the time goes, what workers and databases make of it, and
// what a crowd that wants cards does to everybody else.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseCores, moveToLoadCore } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import { findWrk } from './generators/wrk.ts';
import { QUOTES_GROUPS } from './groups.ts';
import { measureRound } from './measure.ts';
import { PAYLOADS } from './payloads.ts';
import { countQueries } from './quotes/bytes.ts';
import { type Crowd, measureCrowd } from './quotes/crowd.ts';
import { quotesEnvironment } from './quotes/environment.ts';
import { type Mariadb, startMariadb } from './quotes/mariadb.ts';
import { startSite } from './quotes/site.ts';
import { printCrowds, printSplits, printWorkers, type Split } from './quotes/table.ts';
import { measureWorkers, type WorkersRow } from './quotes/workers.ts';
import { measureAll } from './schedule.ts';

export interface QuotesOptions {
  readonly quick: boolean;
  /** Where the raw figures go. */
  readonly json?: string;
}

/** Milliseconds, but for passes and slices. A whole run ends within six minutes. */
const FULL = { limit: 170_000, passes: 2, repeats: 2, slices: 8, sliceTime: 250, time: 3000, quiet: 5000 };
const QUICK = { ...FULL, limit: 40_000, passes: 1, repeats: 0, slices: 4, time: 1000, quiet: 2000 };

/** Requests for random quotes per second while the crowd is there: well below what one worker answers. */
const RATE = 150;

export async function compareQuotes({ quick, json }: QuotesOptions): Promise<void> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  process.setMaxListeners(40);
  const plan = quick ? QUICK : FULL;
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-quotes-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const mariadb = await startMariadb();
  if (mariadb === null) say('no rows for MariaDB: there is no Docker, or no image mariadb:11.8');
  const cores = chooseCores();
  moveToLoadCore(cores);
  const generator = findWrk() ?? autocannon;
  say(`Node ${process.version}, ${cores.text}; load: ${generator.text}`);

  const places = [
    { database: 'SQLite', environment: quotesEnvironment(folder), mariadb: null },
    ...(mariadb === null ? [] : [{ database: 'MariaDB', environment: onMariadb(folder, mariadb), mariadb }]),
  ] as const;
  const splits: Split[] = [];
  const workersRows: WorkersRow[] = [];
  const crowds: Crowd[] = [];
  try {
    for (const { database, environment, mariadb } of places) {
      say(`${database}: where the time goes`);
      Object.assign(process.env, { LOG_LEVEL: 'warn', LOG_REQUESTS: 'false' }, environment);
      const results = await measureAll(
        QUOTES_GROUPS,
        { ...plan, limit: plan.limit / places.length },
        {
          say,
          generator: () => generator.text,
          round: (group) => measureRound(group, { generator, cores, connections: 32, environment, ...plan }),
        },
      );
      for (const result of results) {
        splits.push({ database, result, queries: await countQueries(PAYLOADS[result.group.payload].request) });
      }
      for (const workers of [1, 2]) {
        say(`${database}: ${workers === 1 ? '1 worker' : '2 workers'}`);
        const site = await startSite(workers, environment, folder);
        try {
          const options = { generator, prefix: cores.load, workers, mariadb, time: plan.time };
          workersRows.push(...(await measureWorkers(site, options)));
        } finally {
          await site.stop();
        }
        rmSync(join(folder, 'cards'), { recursive: true, force: true });
      }
    }
    // Now, and not after what may go wrong below.
    process.stdout.write(`${printSplits(splits)}\n${printWorkers(workersRows)}\n`);
    for (const workers of [1, 2]) {
      say(`a crowd of 100 wants cards, ${workers === 1 ? '1 worker' : '2 workers'}`);
      const site = await startSite(workers, { ...quotesEnvironment(folder), MAX_EVENT_LOOP_DELAY: '1000' }, folder);
      try {
        crowds.push(await measureCrowd(site, workers, RATE, plan.quiet));
      } finally {
        await site.stop();
      }
      rmSync(join(folder, 'cards'), { recursive: true, force: true });
    }
  } finally {
    await mariadb?.stop();
  }
  process.stdout.write(`${printCrowds(crowds, RATE)}\n`);
  say(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (json !== undefined) {
    const raw = { node: process.version, cores: cores.text, plan, splits, workers: workersRows, crowds };
    writeFileSync(json, `${JSON.stringify(raw, null, 1)}\n`);
  }
}

function onMariadb(folder: string, { url }: Mariadb): NodeJS.ProcessEnv {
  return { ...quotesEnvironment(folder), DATABASE_FILE: '', DATABASE_URL: url };
}
