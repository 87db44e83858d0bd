// Each kind of request at full load, on Movie Quotes under `tsgi serve` with so many workers, on one of its databases.

import { setTimeout as delay } from 'node:timers/promises';
import type { Generator } from '../generators/generator.ts';
import type { LoadRequest } from '../payloads.ts';
import { ask } from './clients.ts';
import type { Mariadb } from './mariadb.ts';
import type { Site } from './site.ts';

export interface WorkersRow {
  readonly request: string;
  readonly workers: number;
  readonly database: 'SQLite' | 'MariaDB';
  /** Microseconds of CPU time of all processes of the server, a request. */
  readonly cpu: number;
  /** The same of MariaDB's; NaN for SQLite, which is in the server. */
  readonly databaseCpu: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly errors: number;
}

const like = (id: number): LoadRequest => ({
  method: 'POST',
  path: `/api/v1/quotes/${id}/reactions`,
  body: '{"kind":"like"}',
});

const REQUESTS: readonly (readonly [name: string, requests: readonly LoadRequest[]])[] = [
  ['page', [{ method: 'GET', path: '/quotes/1' }]],
  ['random API', [{ method: 'GET', path: '/api/v1/quotes/random' }]],
  ['list with search', [{ method: 'GET', path: '/api/v1/quotes?search=love&sort=film' }]],
  ['card, cached', [{ method: 'GET', path: '/quotes/1/card.png' }]],
  ['like', Array.from({ length: 50 }, (_, i) => like(i + 1))],
];

export interface WorkersOptions {
  readonly generator: Generator;
  readonly prefix: readonly string[];
  readonly workers: number;
  readonly mariadb: Mariadb | null;
  /** Milliseconds of load for each kind of request, after a warm-up of half as much. */
  readonly time: number;
}

export async function measureWorkers(site: Site, options: WorkersOptions): Promise<WorkersRow[]> {
  const { workers, mariadb } = options;
  const database = mariadb === null ? 'SQLite' : 'MariaDB';
  const rows: WorkersRow[] = [];
  for (const [request, requests] of REQUESTS) {
    const load = options.generator.start({
      target: { kind: 'tcp', port: site.port },
      requests,
      connections: 32,
      prefix: options.prefix,
    });
    // The generator's own count is of its whole time, and so is what is read beside it.
    const before = { cpu: site.cpu(), database: mariadb?.cpu() ?? Number.NaN };
    await delay(options.time);
    const report = await load.stop();
    rows.push({
      request,
      workers,
      database,
      cpu: (site.cpu() - before.cpu) / report.requests,
      databaseCpu: ((mariadb?.cpu() ?? Number.NaN) - before.database) / report.requests,
      perSecond: report.perSecond,
      p99: report.p99,
      errors: report.errors,
    });
  }
  rows.push(await coldCards(site, options, database));
  return rows;
}

/** Cards that nobody has asked for before, two at a time. */
async function coldCards(site: Site, { workers, mariadb }: WorkersOptions, database: WorkersRow['database']) {
  const ids = Array.from({ length: 40 }, (_, i) => 100 + i);
  const before = { cpu: site.cpu(), database: mariadb?.cpu() ?? Number.NaN };
  const begun = performance.now();
  const times: number[] = [];
  let errors = 0;
  const client = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      const { status, time } = await ask(site.port, `/quotes/${id}/card.png`);
      times.push(time);
      if (status !== 200) errors++;
    }
  };
  await Promise.all([client(), client()]);
  return {
    request: 'card, cold',
    workers,
    database,
    cpu: (site.cpu() - before.cpu) / times.length,
    databaseCpu: ((mariadb?.cpu() ?? Number.NaN) - before.database) / times.length,
    perSecond: times.length / ((performance.now() - begun) / 1000),
    p99: Math.max(...times),
    errors,
  };
}
