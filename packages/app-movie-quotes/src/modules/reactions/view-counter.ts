// Views, counted in memory and written about once a second: looking at a page waits for nothing, and fails for nothing.

import type { FastifyBaseLogger } from 'fastify';

/** Milliseconds from the first view to the writing of all. */
const PAUSE = 1000;

export class ViewCounter {
  readonly #write: (views: ReadonlyMap<number, number>) => Promise<void>;
  readonly #log: FastifyBaseLogger;
  #views = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (views: ReadonlyMap<number, number>) => Promise<void>, log: FastifyBaseLogger) {
    this.#write = write;
    this.#log = log;
  }

  count(quoteId: number, views = 1): void {
    this.#views.set(quoteId, (this.#views.get(quoteId) ?? 0) + views);
    this.#timer ??= setTimeout(() => {
      this.flush().catch(() => {}); // They are counted again below, and written later.
    }, PAUSE).unref();
  }

  /** Writes what was counted. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.catch(() => {}).then(() => this.#flush());
    return this.#writing;
  }

  /** Writes the last ones. */
  async close(): Promise<void> {
    await this.flush().catch((error) => {
      const lost = [...this.#views.values()].reduce((sum, count) => sum + count, 0);
      this.#log.warn({ err: error, lost }, `${lost} views were not written`);
    });
    clearTimeout(this.#timer);
  }

  async #flush(): Promise<void> {
    const views = this.#views;
    if (views.size === 0) return;
    this.#views = new Map();
    try {
      await this.#write(views);
    } catch (error) {
      for (const [quoteId, count] of views) this.count(quoteId, count);
      throw error;
    }
  }
}
