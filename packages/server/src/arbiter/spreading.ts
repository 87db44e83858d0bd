// Connections that are open stay where they are, so a worker that joins gets none of them. Whoever has more than a fair
// share ends some after their next answer; where they go then is up to chance, so this is done a few times.

import type { WorkerProcess } from './worker-process.ts';

/** Beats of the clock from one time to the next; what the last one led to is known by then. */
const EVERY = 2;
const TIMES = 10;

/** Spreads open connections over the workers, for a while after one has joined. */
export class Spreading {
  #beats = 0;

  /** A worker has joined. */
  begin(): void {
    this.#beats = EVERY * TIMES;
  }

  /** To be called at every beat, with the workers that accept. */
  beat(accepting: () => readonly WorkerProcess[]): void {
    if (this.#beats > 0 && --this.#beats % EVERY === 0) spread(accepting());
  }
}

function spread(accepting: readonly WorkerProcess[]): void {
  const total = accepting.reduce((sum, { counters }) => sum + counters.connections, 0);
  const share = Math.ceil(total / Math.max(1, accepting.length));
  for (const worker of accepting) {
    const surplus = worker.counters.connections - share;
    if (surplus > 0) worker.shed(surplus);
  }
}
