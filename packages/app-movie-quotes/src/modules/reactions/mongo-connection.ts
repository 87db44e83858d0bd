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

/** Milliseconds before an attempt to reach it again: at first, and at most. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;
/** The longest that an attempt takes, and finding the server in it. */
const ATTEMPT = 2000;
const SELECTION = 1500;

/** What is done with it. */
export interface Uses<Models> {
  /** The models of a connection, of which there may be several one after the other. */
  modelsOn(connection: Connection): Models;
  /** Done once, at the first connection. */
  prepare(models: Models): Promise<void>;
  /** Done each time that it answers again. */
  onAnswer(): void;
}

interface Client<Models> {
  readonly connection: Connection;
  readonly models: Models;
}

export class MongodbConnection<Models> {
  /** For logs: without user and password. */
  readonly place: string;
  readonly #url: string;
  readonly #timeout: number;
  readonly #log: FastifyBaseLogger;
  readonly #uses: Uses<Models>;
  readonly #closed = new AbortController();
  /** What answers; undefined while it is away. */
  #client: Client<Models> | undefined;
  #asking: Promise<void> | undefined;
  #pause = 0;
  #answeredAt = 0;
  #warned = false;
  #prepared = false;

  /** Begins to connect, and does not wait for it. Throws `MQ_ERR_CONFIG` where the URL cannot be one. */
  constructor({ url, timeout }: MongodbConfig, log: FastifyBaseLogger, uses: Uses<Models>) {
    this.#url = url;
    this.#timeout = Math.max(timeout, 100);
    this.#log = log;
    this.#uses = uses;
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
    this.#ask();
  }

  get available(): boolean {
    return this.#client !== undefined;
  }

  /** Does `work` where MongoDB answers, for `ms` at most. Else rejects with {@link MongodbAway}. */
  async run<Result>(ms: number, work: (models: Models) => Promise<Result>): Promise<Result> {
    const client = this.#client;
    if (client === undefined) throw new MongodbAway(`${this.place} is away`);
    try {
      return await within(Math.min(ms, this.#timeout), work(client.models));
    } catch (cause) {
      this.#lost(client, cause);
      throw new MongodbAway(`${this.place} does not answer`, { cause });
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const client = this.#client;
    this.#client = undefined;
    await Promise.all([this.#asking, client && hangUp(client.connection)]);
  }

  #lost(client: Client<Models>, cause: unknown): void {
    // Unless somebody else found out before, and it may even be back since.
    if (client !== this.#client) return;
    this.#client = undefined;
    // One that comes and goes is asked less and less often.
    if (performance.now() - this.#answeredAt > LONGEST_PAUSE) this.#pause = FIRST_PAUSE;
    this.#warn(cause);
    this.#ask();
    void hangUp(client.connection);
  }

  /** One line each time that it goes away. */
  #warn(cause: unknown): void {
    if (this.#warned || this.#closed.signal.aborted) return;
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
    while (!signal.aborted) {
      if (this.#pause > 0) await delay(this.#pause, undefined, { signal, ref: false }).catch(() => {});
      this.#pause = Math.min(Math.max(this.#pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
      if (!signal.aborted && (await this.#attempt())) return;
    }
  }

  /**
   * Each attempt is a new client's. The driver's monitor of a server may wait for ever for an answer that it asked for while
   * its socket was being closed (seen with 7.8), and finds no server then although there is one.
   */
  async #attempt(): Promise<boolean> {
    const connection = mongoose.createConnection();
    connection.on('error', () => {}); // Whoever asked is told.
    const models = this.#uses.modelsOn(connection);
    try {
      await within(ATTEMPT, this.#open(connection, models));
    } catch (cause) {
      this.#warn(cause);
      await hangUp(connection);
      return false;
    }
    if (this.#closed.signal.aborted) {
      await hangUp(connection);
      return true;
    }
    this.#client = { connection, models };
    this.#answeredAt = performance.now();
    if (this.#warned) this.#log.info({ mongodb: this.place }, 'MongoDB answers: reactions are delivered again');
    this.#warned = false;
    this.#uses.onAnswer();
    return true;
  }

  async #open(connection: Connection, models: Models): Promise<void> {
    await connection.openUri(this.#url, {
      // A command that finds no server fails; nothing waits in memory for one.
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
      serverSelectionTimeoutMS: Math.min(this.#timeout, SELECTION),
      connectTimeoutMS: Math.min(this.#timeout, ATTEMPT),
      waitQueueTimeoutMS: this.#timeout,
      socketTimeoutMS: Math.max(this.#timeout, 1000),
      maxPoolSize: 10,
      appName: 'movie-quotes',
    });
    await connection.db?.command({ ping: 1 });
    if (this.#prepared) return;
    await this.#uses.prepare(models);
    this.#prepared = true;
  }
}

async function hangUp(connection: Connection): Promise<void> {
  await within(ATTEMPT, connection.destroy(true)).catch(() => {}); // It may not be open.
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
