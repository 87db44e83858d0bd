// Time as far as the arbiter was watching it. An arbiter that was stopped, or got no processor, wakes up with timers that
// are all due and messages that it has not read; by this clock nobody has been late meanwhile.

import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds between two beats of the clock. */
const TICK = 250;

/** A clock that counts its own beats. Nothing is awaited more finely than a beat. */
export class ObservedClock {
  #now = 0;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;

  /** Starts to beat, and calls `onTick` with the milliseconds of each beat. */
  start(onTick: (elapsed: number) => void): void {
    this.#timer = setInterval(() => {
      this.#now += TICK;
      onTick(TICK);
      for (const listener of [...this.#listeners]) listener();
    }, TICK);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Resolves once `ms` have been observed, or when `signal` aborts. */
  after(ms: number, signal?: AbortSignal): Promise<void> {
    // What is shorter than a beat is no deadline.
    if (ms < TICK) return delay(ms);
    const until = this.#now + ms;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.#now >= until) done();
      };
      this.#listeners.add(look);
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}
