// Measures one group behind Nginx: each server has an Nginx of its own, all are loaded at the same time, on one core.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cores, moveToServerCore } from '../cores.ts';
import type { Generator, Load } from '../generators/generator.ts';
import { PAYLOADS, type PayloadName } from '../payloads.ts';
import { ServerProcess } from '../server-process.ts';
import type { Slice } from '../statistics.ts';
import { NginxProcess } from './nginx-process.ts';
import type { NginxRow } from './rows.ts';

export interface NginxOptions {
  readonly generator: Generator;
  readonly cores: Cores;
  readonly connections: number;
  /** Slices in a round, and the milliseconds of each. */
  readonly slices: number;
  readonly sliceTime: number;
  /** Milliseconds of load before anything is measured. */
  readonly warmUp: number;
}

/** What one row used, slice by slice; requests are those that the application has answered. */
export interface NginxRound {
  readonly nginx: readonly Slice[];
  readonly application: readonly Slice[];
  readonly both: readonly Slice[];
  /** Requests per second, on its share of the core. */
  readonly perSecond: number;
  readonly errors: number;
}

interface Pair {
  readonly nginx: NginxProcess;
  readonly application: ServerProcess;
}

export async function measureNginx(
  rows: readonly NginxRow[],
  payload: PayloadName,
  options: NginxOptions,
): Promise<NginxRound[]> {
  const { generator, cores, connections, sliceTime } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-nginx-'));
  const clear = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clear);
  const { request } = PAYLOADS[payload];
  const pairs: Pair[] = [];
  const applications: ServerProcess[] = [];
  const loads: Load[] = [];
  try {
    const starting = rows.map(async ({ server }, i) => {
      const application = await ServerProcess.start(server, { payload, folder });
      applications.push(application);
      const nginx = await NginxProcess.start(join(folder, `nginx-${i}`), application.target, request.path);
      pairs[i] = { nginx, application };
      for (const pid of [application.pid, ...nginx.pids]) moveToServerCore(cores, pid);
    });
    const failed = (await Promise.allSettled(starting)).find((start) => start.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    for (const { nginx } of pairs) {
      const target = { kind: 'tcp', port: nginx.port } as const;
      loads.push(generator.start({ target, requests: [request], connections, prefix: cores.load }));
    }
    await loaded(pairs);
    await delay(options.warmUp);

    const taken = pairs.map(() => ({ nginx: [] as Slice[], application: [] as Slice[], both: [] as Slice[] }));
    const begun = performance.now();
    let before = await Promise.all(pairs.map(sample));
    const first = before;
    for (let slice = 0; slice < options.slices; slice++) {
      await delay(sliceTime);
      const now = await Promise.all(pairs.map(sample));
      for (const [i, row] of taken.entries()) {
        const [from, to] = [before[i], now[i]] as [Sampled, Sampled];
        const requests = to.requests - from.requests;
        const [nginx, application] = [to.nginx - from.nginx, to.application - from.application];
        row.nginx.push({ cpu: nginx, requests });
        row.application.push({ cpu: application, requests });
        row.both.push({ cpu: nginx + application, requests });
      }
      before = now;
    }
    const seconds = (performance.now() - begun) / 1000;
    const reports = await Promise.all(loads.map((load) => load.stop()));
    return taken.map((row, i) => ({
      ...row,
      perSecond: ((before[i] as Sampled).requests - (first[i] as Sampled).requests) / seconds,
      errors: reports[i]?.errors ?? 0,
    }));
  } finally {
    await Promise.allSettled(loads.map((load) => load.stop()));
    await Promise.all(pairs.map((pair) => pair?.nginx.stop()));
    await Promise.all(applications.map((application) => application.stop()));
    process.removeListener('exit', clear);
    clear();
  }
}

/** The load takes its time to begin; ten seconds at most, after which whatever is the matter shows in the figures. */
async function loaded(pairs: readonly Pair[]): Promise<void> {
  const count = () => Promise.all(pairs.map(async (pair) => (await sample(pair)).requests));
  const before = await count();
  for (const until = performance.now() + 10_000; performance.now() < until; ) {
    await delay(100);
    if ((await count()).every((requests, i) => requests > (before[i] as number))) return;
  }
}

interface Sampled {
  readonly nginx: number;
  readonly application: number;
  readonly requests: number;
}

/** All of it as of the moment at which the application has answered: it reads its own, and is the busier one. */
async function sample({ nginx, application }: Pair): Promise<Sampled> {
  const { cpu, requests } = await application.sample();
  return { nginx: nginx.cpu(), application: cpu, requests };
}
