// The threads that heavy tasks run in, so that the event loop answers everything else meanwhile. Both the tasks that run
// and those that wait have a bound, and what is above it is refused at once.

import { extname } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { Piscina } from 'piscina';
import type { Card } from './draw.ts';

/** There is no place left. */
export class QueueFull extends Error {
  readonly statusCode = 503;
  readonly code = 'MQ_ERR_QUEUE_FULL';
  /** Seconds. */
  readonly retryAfter = 2;

  constructor() {
    super('as many tasks are waiting as may');
  }
}

class Closing extends Error {
  readonly statusCode = 503;
}

/** What a thread did on request. */
export interface Work {
  readonly ms: number;
  /** Blocks of 64 KiB that it hashed. */
  readonly blocks: number;
}

export interface Threads {
  /** Draws. A `signal` takes it out of the queue; once begun it is finished, which is sooner than to start a thread. */
  draw(card: Card, signal: AbortSignal): Promise<Buffer>;
  /** Keeps a thread busy for so many milliseconds. A `signal` ends it at any time, with its thread. */
  work(ms: number, signal: AbortSignal): Promise<Work>;
  /** Ends the threads. What waits or runs is rejected. */
  close(): Promise<void>;
}

export interface ThreadOptions {
  /** How many run at once. */
  readonly threads: number;
  /** How many wait. */
  readonly queue: number;
  readonly log: FastifyBaseLogger;
}

const WORKER = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url).href;

/** Starts no thread yet: the first task does, and one that has had nothing to do for five seconds ends. */
export function createThreads({ threads, queue, log }: ThreadOptions): Threads {
  const pool = new Piscina({
    filename: WORKER,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: 5000,
    // A waiting thread that blocks on Atomics.wait() does not collect what native code has allocated for it.
    atomics: 'disabled',
    // Without it, buffers of whole cards wait in the young generation: 20 MB more stay behind after a hundred cards.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  pool.on('error', (error: Error) => log.error({ err: error }, `a thread has failed: ${error.message}`));

  // The queue is ours: the pool's own has no bound for tasks with a signal, and a task in it is forgotten when the only
  // thread is ended by the signal of another.
  const waiting = new Set<() => void>();
  let running = 0;

  async function place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < threads) {
      running += 1;
      return;
    }
    if (waiting.size >= queue) throw new QueueFull();
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.delete(start);
        reject(signal.reason);
      };
      waiting.add(start);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Gives the place of a task that has ended to the one that waits longest. */
  function next(): void {
    const [start] = waiting;
    if (start === undefined) {
      running -= 1;
      return;
    }
    waiting.delete(start);
    start();
  }

  const closing = new AbortController();

  async function run<T>(name: 'draw' | 'work', task: unknown, waits: AbortSignal, runs?: AbortSignal): Promise<T> {
    await place(AbortSignal.any([waits, closing.signal]));
    try {
      return await pool.run(task, { name, ...(runs && { signal: runs }) });
    } catch (error) {
      throw closing.signal.aborted ? closing.signal.reason : error;
    } finally {
      next();
    }
  }

  return {
    async draw(card, signal) {
      const { buffer, byteOffset, byteLength } = await run<Uint8Array>('draw', card, signal);
      return Buffer.from(buffer, byteOffset, byteLength);
    },
    work: (ms, signal) => run('work', ms, signal, signal),
    async close() {
      closing.abort(new Closing('the server is closing'));
      await pool.destroy();
    },
  };
}
