// The connection to MongoDB: whether it answers, and finding out when it does again.
//
// Nobody waits for a server that is away: the first operation that fails or takes too long makes it `away`, every later one
// fails at once, and this connection alone asks until it is answered. It may be away at the start, too.

import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import mongoose, { type Connection } from 'mongoose';
import type { MongodbConfig } from '../../config/config.ts';
import { StartError } from '../../errors.ts';

/** MongoDB does not answer now. Those who can do without it catch this. */
export class MongodbAway extends Error {
  readonly statusCode = 503;
  readonly retryAfter = 2;
}

/** Milliseconds between two attempts to reach it: the first pause, and the longest. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;
/** The longest that an attempt takes. */
const ATTEMPT = 2000;

interface Steps {
  /** Done once, at the first connection. */
  prepare(): Promise<void>;
  /** Done each time that it answers again. */
  onAnswer(): void;
}

export class MongodbConnection {
  /** Models are made on it. */
  readonly connection: Connection = mongoose.createConnection();
  /** For logs: without user and password. */
  readonly place: string;
  readonly #url: string;
  readonly #timeout: number;
  readonly #log: FastifyBaseLogger;
  readonly #closed = new AbortController();
  #available = false;
  #warned = false;
  #opened = false;
  #prepared = false;
  #asking: Promise<void> | undefined;
  #steps: Steps | undefined;

  /** Throws `MQ_ERR_CONFIG` where the URL cannot be one. */
  constructor({ url, timeout }: MongodbConfig, log: FastifyBaseLogger) {
    this.#url = url;
    this.#timeout = Math.max(timeout, 100);
    this.#log = log;
    try {
      const { host, pathname } = new URL(url);
      this.place = `mongodb://${host}${pathname}`;
      // Parses; connects to nothing.
      new mongoose.mongo.MongoClient(url);
    } catch {
      // Without the parser's words and without a cause: they have the URL in them, and it has the password.
      throw new StartError('MQ_ERR_CONFIG', {
        problem: 'MONGODB_URL takes mongodb://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE, and known options',
      });
    }
    // Whoever asked was told already.
    this.connection.on('error', () => {});
  }

  get available(): boolean {
    return this.#available;
  }

  /** Begins to connect, and does not wait for it. */
  start(steps: Steps): void {
    this.#steps = steps;
    this.#ask();
  }

  /** Does `work` where MongoDB answers, for `ms` at most. Else rejects with {@link MongodbAway}. */
  async run<Result>(ms: number, work: () => Promise<Result>): Promise<Result> {
    if (!this.#available) throw new MongodbAway(`${this.place} is away`);
    try {
      return await within(Math.min(ms, this.#timeout), work());
    } catch (cause) {
      this.#lost(cause);
      throw new MongodbAway(`${this.place} does not answer`, { cause });
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#available = false;
    await this.#asking;
    await this.connection.close(true).catch(() => {}); // It may never have been opened.
  }

  #lost(cause: unknown): void {
    this.#available = false;
    if (this.#closed.signal.aborted) return;
    this.#warn(cause);
    this.#ask();
  }

  /** One line each time that it goes away. */
  #warn(cause: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const reason = reasonOf(cause);
    this.#log.warn(
      { mongodb: this.place, reason },
      `MongoDB is away (${reason}): reactions are kept in the outbox until it answers`,
    );
  }

  #ask(): void {
    this.#asking ??= this.#askUntilAnswered().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askUntilAnswered(): Promise<void> {
    const { signal } = this.#closed;
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await within(ATTEMPT, this.#attempt());
        if (signal.aborted) return;
        this.#available = true;
        if (this.#warned) {
          this.#log.info({ mongodb: this.place }, 'MongoDB answers: reactions are delivered again');
        }
        this.#warned = false;
        this.#steps?.onAnswer();
        return;
      } catch (cause) {
        if (!signal.aborted) this.#warn(cause);
      }
      await delay(pause, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #attempt(): Promise<void> {
    if (!this.#opened) {
      await this.connection.openUri(this.#url, {
        // A command that finds no server fails; nothing waits in memory for one.
        bufferCommands: false,
        autoIndex: false,
        autoCreate: false,
        serverSelectionTimeoutMS: Math.min(this.#timeout, ATTEMPT),
        connectTimeoutMS: Math.min(this.#timeout, ATTEMPT),
        waitQueueTimeoutMS: this.#timeout,
        socketTimeoutMS: Math.max(this.#timeout, 1000),
        maxPoolSize: 10,
        appName: 'movie-quotes',
      });
      this.#opened = true;
    }
    await this.connection.db?.command({ ping: 1 });
    if (this.#prepared) return;
    await this.#steps?.prepare();
    this.#prepared = true;
  }
}

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the driver says, in a line. Its errors name hosts, never what one logs in with. */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n', 1)[0]?.slice(0, 200) || cause.name : String(cause);
}
