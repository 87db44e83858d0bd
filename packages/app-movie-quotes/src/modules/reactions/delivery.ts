// Brings what is in the outbox to MongoDB, in its order. Every process tries; the one with the lease does it.
//
// First MongoDB, then the outbox: a process that dies between the two leaves rows that are delivered once more, and
// MongoDB's store takes each of them once. So nothing is lost and nothing counts twice, and a deliverer that goes on after
// its lease is over does no harm.

import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../database/database.ts';
import { Lease } from './lease.ts';
import type { Outbox } from './outbox.ts';
import type { ReactionStore } from './store.ts';

/** Where reactions are delivered to. */
export type Destination = Pick<ReactionStore, 'apply' | 'available'>;

const BATCH = 500;
/** Milliseconds after which a process looks for what others have left. */
const LOOK_AGAIN = 1000;

export class Delivery {
  readonly #outbox: Outbox;
  readonly #destination: Destination;
  readonly #lease: Lease;
  readonly #log: FastifyBaseLogger;
  #wanted = true;
  #stopped = false;
  #wake = (): void => {};
  #running: Promise<void> | undefined;
  #failed = false;

  constructor(database: Database, outbox: Outbox, destination: Destination, log: FastifyBaseLogger) {
    this.#outbox = outbox;
    this.#destination = destination;
    this.#lease = new Lease(database, 'reactions');
    this.#log = log;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There is something to deliver. */
  wake(): void {
    this.#wanted = true;
    this.#wake();
  }

  /** Finishes the batch that is being delivered; the rest is for another process, or for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#running;
    await this.#lease.release().catch(() => {}); // It runs out by itself.
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#wanted = false;
      const more = await this.#deliver();
      if (!more && !this.#wanted) await this.#sleep();
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_AGAIN).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Delivers one batch; true where there may be another one. */
  async #deliver(): Promise<boolean> {
    if (!this.#destination.available || this.#lease.elsewhere) return false;
    try {
      const batch = await this.#outbox.oldest(BATCH);
      if (batch.length === 0 || !(await this.#lease.hold())) return false;
      await this.#destination.apply(batch);
      await this.#outbox.remove(batch);
      this.#failed = false;
      return batch.length === BATCH;
    } catch (error) {
      // MongoDB's absence is told by its connection. What is wrong here is the SQL database, and told once.
      if (this.#destination.available && !this.#failed) {
        this.#failed = true;
        this.#log.warn({ err: error }, 'reactions wait in the outbox: delivering them failed');
      }
      // Not at once again.
      this.#wanted = false;
      return false;
    }
  }
}
