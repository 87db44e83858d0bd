// Writes likes, all that come while a transaction is under way in the next one: under load a transaction carries many, and a
// single like waits for nothing.

import type { Database, Transaction } from '../../database/database.ts';
import type { Like } from './store.ts';

/** The most in one transaction. */
const BATCH = 500;

/** Writes likes in a transaction, and tells which of them it took. */
type Write = (transaction: Transaction, likes: readonly Like[]) => Promise<ReadonlySet<Like>>;

interface Waiting {
  readonly like: Like;
  readonly resolve: (taken: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class Recorder {
  readonly #database: Database;
  readonly #write: Write;
  readonly #waiting: Waiting[] = [];
  #running = false;

  constructor(database: Database, write: Write) {
    this.#database = database;
    this.#write = write;
  }

  /** Resolves when it is committed: whether it was taken. */
  record(like: Like): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ like, resolve, reject });
      if (!this.#running) this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      const likes = batch.map(({ like }) => like);
      try {
        const taken = await this.#database.transaction((transaction) => this.#write(transaction, likes));
        for (const { like, resolve } of batch) resolve(taken.has(like));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }
}
