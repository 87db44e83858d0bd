// Measures one group: rounds of fresh processes, all loaded at the same time, and in each round many short slices.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cores, moveToServerCore } from './cores.ts';
import type { Generator, Load } from './generators/generator.ts';
import type { Group, Row } from './groups.ts';
import { PAYLOADS } from './payloads.ts';
import { ServerProcess } from './server-process.ts';
import type { Slice } from './statistics.ts';

export interface MeasureOptions {
  readonly generator: Generator;
  readonly cores: Cores;
  /** Connections to each server. */
  readonly connections: number;
  /** Slices in a round, and the milliseconds of each. */
  readonly slices: number;
  readonly sliceTime: number;
  /** Requests that each server answers before it is measured. Default: the payload's own number. */
  readonly warmUp?: number;
  /** Variables of the servers' own. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** What one server did in one round. */
export interface ServerRound {
  readonly slices: readonly Slice[];
  /** Requests answered per second, on its share of the core. */
  readonly perSecond: number;
  /** Milliseconds, on its share of the core. */
  readonly p99: number;
  /** Bytes of memory after the load (PSS). */
  readonly memory: number;
  /** Failed requests, of all that the generator sent. */
  readonly errors: number;
}

/** One round, a server a row, in the order of the group's rows. */
export type Round = readonly ServerRound[];

/** A warm-up ends here at the latest, in milliseconds: a server that is slow has had its time on the core as well. */
const WAIT_LIMIT = 6000;

export async function measureRound(group: Group, options: MeasureOptions): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-'));
  const clear = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clear);
  const servers: ServerProcess[] = [];
  const loads: Load[] = [];
  try {
    const { payload, rows } = group;
    // In an order of chance: who was started first has no share in the result.
    const starting = shuffled(rows.length).map(async (i) => {
      const kind = (rows[i] as Row).server;
      const server = await ServerProcess.start(kind, { payload, folder, environment: options.environment ?? {} });
      servers[i] = server;
      moveToServerCore(options.cores, server.pid);
    });
    const failed = (await Promise.allSettled(starting)).find((start) => start.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const begin = (): void => {
      const { generator, connections, cores } = options;
      const requests = [PAYLOADS[payload].request];
      for (const i of shuffled(servers.length)) {
        const target = (servers[i] as ServerProcess).target;
        loads[i] = generator.start({ target, requests, connections, prefix: cores.load });
      }
    };
    begin();
    await answered(servers, options.warmUp ?? PAYLOADS[payload].warmUp);
    await Promise.all(loads.map((load) => load.stop()));
    // The load is begun anew, so that its latencies are those of the measured time.
    begin();
    await answered(servers, 1);
    const { taken, seconds } = await takeSlices(servers, options);
    const memory = servers.map((server) => server.memory());
    const reports = await Promise.all(loads.map((load) => load.stop()));
    return servers.map((_, i) => {
      const slices = taken.map((slice) => slice[i] as Slice);
      return {
        slices,
        perSecond: slices.reduce((sum, { requests }) => sum + requests, 0) / seconds,
        p99: reports[i]?.p99 as number,
        memory: memory[i] as number,
        errors: reports[i]?.errors as number,
      };
    });
  } finally {
    await Promise.allSettled(loads.map((load) => load.stop()));
    await Promise.all(servers.map((server) => server?.stop()));
    process.removeListener('exit', clear);
    clear();
  }
}

/** Waits until every server has answered this many requests from now on, or until the limit. */
async function answered(servers: readonly ServerProcess[], requests: number): Promise<void> {
  const count = () => Promise.all(servers.map(async (server) => (await server.sample()).requests));
  const until = performance.now() + WAIT_LIMIT;
  const before = await count();
  do {
    await delay(100);
    const now = await count();
    if (now.every((answered, i) => answered - (before[i] as number) >= requests)) return;
  } while (performance.now() < until);
}

/** What each server used and answered, slice by slice; all servers are asked at the same time. */
async function takeSlices(
  servers: readonly ServerProcess[],
  { slices, sliceTime }: MeasureOptions,
): Promise<{ taken: Slice[][]; seconds: number }> {
  const sample = () => Promise.all(servers.map((server) => server.sample()));
  const taken: Slice[][] = [];
  let before = await sample();
  const start = performance.now();
  for (let i = 0; i < slices; i++) {
    await delay(sliceTime);
    const now = await sample();
    taken.push(
      now.map(({ cpu, requests }, j) => ({
        cpu: cpu - (before[j]?.cpu as number),
        requests: requests - (before[j]?.requests as number),
      })),
    );
    before = now;
  }
  return { taken, seconds: (performance.now() - start) / 1000 };
}

function shuffled(length: number): number[] {
  return Array.from({ length }, (_, i) => ({ i, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ i }) => i);
}
