// Rolling replacements: two processes on one descriptor; again and again a new one is started, and when it is ready, the
// oldest one drains.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { BoundSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PhaseReport, startLoad } from '../load/load.ts';
import type { Target } from '../servers.ts';

export interface RollingOptions {
  readonly transport: Target['kind'];
  readonly replacements: number;
  readonly clients: number;
  /** Requests that are answered before the first replacement and after the last one. */
  readonly lead: number;
}

export interface RollingReport {
  /** Before the first replacement, while processes were replaced, and after the last one. */
  readonly before: PhaseReport;
  readonly during: PhaseReport;
  readonly after: PhaseReport;
  /** Processes that did not end with exit status 0. */
  readonly crashed: number;
}

const WORKERS = 2;

export async function rollingReplacements(options: RollingOptions): Promise<RollingReport> {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-rolling-'));
  const { bound, target } = bind(options.transport, folder);
  const workers: ChildProcess[] = [];
  let crashed = 0;
  try {
    for (let i = 0; i < WORKERS; i++) workers.push(await startWorker(bound));
    const load = startLoad({ target, clients: options.clients });
    try {
      await load.answered(options.lead);
      const before = load.next();
      for (let i = 0; i < options.replacements; i++) {
        workers.push(await startWorker(bound));
        if ((await drained(workers.shift() as ChildProcess)) !== 0) crashed++;
      }
      const during = load.next();
      await load.answered(options.lead);
      return { before, during, after: await load.stop(), crashed };
    } finally {
      await load.stop();
    }
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    bound.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function bind(transport: Target['kind'], folder: string): { bound: BoundSocket; target: Target } {
  if (transport === 'tcp') {
    const bound = new BoundSocket({ host: '127.0.0.1', port: 0 });
    return { bound, target: { kind: 'tcp', port: (bound.address() as { port: number }).port } };
  }
  const path = join(folder, 'app.sock');
  // `path` is there since Node 24.21; the types know only what a TCP socket takes.
  const options: { path: string; host?: string } = { path };
  return { bound: new BoundSocket(options), target: { kind: 'unix', path } };
}

/** Resolves when it accepts connections. */
async function startWorker(bound: BoundSocket): Promise<ChildProcess> {
  const worker = spawn(process.execPath, ['--conditions=@tsgi/source', `${import.meta.dirname}/worker.ts`], {
    stdio: ['ignore', 'inherit', 'inherit', bound.fd(), 'ipc'],
  });
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(([code]) => {
      throw new Error(`a worker ended before it was ready, with exit status ${code}`);
    }),
  ]);
  return worker;
}

/** Tells it to drain, and resolves to its exit status. */
async function drained(worker: ChildProcess): Promise<number | null> {
  const gone = once(worker, 'exit');
  worker.kill('SIGTERM');
  return (await gone)[0];
}
