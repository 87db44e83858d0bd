// How long to wait before a worker that died is replaced: not at all, unless workers die young one after the other.

const FIRST = 250;
const LONGEST = 30_000;

/** A worker that lived this long, in milliseconds, was no victim of a crash loop. */
const GROWN_UP = 10_000;

/** Counts young deaths in a row, for one place among the workers. */
export class Backoff {
  #young = 0;

  /** Milliseconds to wait after the death of a worker that lived for `age` ms. */
  next(age: number): number {
    if (age >= GROWN_UP) this.#young = 0;
    const delay = this.#young === 0 ? 0 : Math.min(LONGEST, FIRST * 2 ** (this.#young - 1));
    this.#young++;
    return delay;
  }
}
