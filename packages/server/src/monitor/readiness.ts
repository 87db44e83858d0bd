// Whether the server is ready: what a load balancer and an orchestrator ask before they send anybody here.

import type { StatusReport, WorkerReport } from '../arbiter/status.ts';

/**
 * Seconds without a beat after which a worker does not count as ready, whatever it said last: its main loop hangs. Fifteen
 * beats, so that a long garbage collection is none.
 */
const HANGING = 3;

/** The answer to `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  /** Why the server is not ready; empty when it is. */
  readonly reasons: readonly string[];
  readonly name: string;
  readonly state: StatusReport['state'];
  readonly generation: number;
  readonly workers: readonly WorkerReadiness[];
}

export interface WorkerReadiness {
  readonly worker: number;
  readonly generation: number;
  readonly state: WorkerReport['state'];
  readonly ready: boolean;
  /** Why it is not ready; `''` when it is. */
  readonly reason: string;
}

/**
 * A server is ready while it serves, a reload included, and at least one worker of its generation accepts connections
 * and says that it is ready. It is not from the moment on at which it is told to stop.
 */
export function readinessOf({ name, state, generation, workers }: StatusReport): Readiness {
  const seen = workers.map(look);
  const up = state === 'serving' || state === 'reloading';
  const ready = up && seen.some((worker) => worker.ready && worker.generation === generation);
  const reasons = ready ? [] : up ? notReady(seen) : [`the server is ${state}`];
  return { ready, reasons, name, state, generation, workers: seen };
}

function look({ worker, generation, state, ready, reason, silence }: WorkerReport): WorkerReadiness {
  const what = { worker, generation, state };
  if (state !== 'accepting') return { ...what, ready: false, reason: reason || `it is ${state}` };
  if (silence >= HANGING) return { ...what, ready: false, reason: `no beat for ${Math.floor(silence)} s` };
  return { ...what, ready, reason };
}

function notReady(workers: readonly WorkerReadiness[]): string[] {
  if (workers.length === 0) return ['there is no worker'];
  return workers.filter(({ ready }) => !ready).map(({ worker, reason }) => `worker ${worker}: ${reason}`);
}
