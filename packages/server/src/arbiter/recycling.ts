// When a healthy worker has served long enough: by its requests, its memory, its age.

import type { Settings } from '../settings/table.ts';
import type { ExitKind } from './exit-kind.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Tells which workers are to be replaced; each has a jitter of its own, so that they do not go together. */
export class Recycling {
  readonly #jitter = new WeakMap<WorkerProcess, number>();

  /** Why `worker` has served long enough; null while it has not. */
  due(worker: WorkerProcess, settings: Settings): { readonly kind: ExitKind; readonly reason: string } | null {
    const { maxRequests, maxRequestsJitter, maxMemory, maxLifetime } = settings;
    const { requests, memory } = worker.counters;
    if (!this.#jitter.has(worker)) this.#jitter.set(worker, Math.floor(Math.random() * (maxRequestsJitter + 1)));
    const most = maxRequests + (this.#jitter.get(worker) ?? 0);
    if (maxRequests > 0 && requests >= most) return { kind: 'max_requests', reason: `it served ${requests} requests` };
    if (maxMemory > 0 && memory > maxMemory) return { kind: 'max_memory', reason: `its memory is ${memory} bytes` };
    if (maxLifetime > 0 && worker.age > maxLifetime)
      return { kind: 'max_lifetime', reason: `it lived for ${Math.round(worker.age / 1000)} s` };
    return null;
  }
}
