// Likes, views, and what is trending, whoever asks: a page, the API or a stream of events.
//
// Without MongoDB a reaction is in the SQL database with its event, in one transaction. With it that transaction has the
// event and a row in the outbox, and that row is delivered to MongoDB afterwards (see delivery.ts); so a reaction that was
// answered is not lost, whichever of the two goes away.

import type { FastifyBaseLogger } from 'fastify';
import type { MongodbConfig } from '../../config/config.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { NotFound } from '../refusal.ts';
import { createEventTable, type ReactionEvent } from './events.ts';
import { takeTurn } from './order.ts';
import { Recorder } from './recorder.ts';
import { createSqlStore } from './sql-store.ts';
import { list } from './statements.ts';
import { type Counts, dayOf, type Like, type Reaction, type Trend, type Views } from './store.ts';
import { ViewCounter } from './view-counter.ts';

export interface ReactionService {
  /** Counts once for each key. 404 where there is no such quote. Resolves when it cannot be lost any more. */
  like(quoteId: number, key: string): Promise<void>;
  unlike(key: string, quoteId: number): Promise<void>;
  /** Counts in memory; it is written within about a second, and when the process leaves. */
  view(quoteId: number): void;
  /**
   * Likes and views, zeros where a quote has none. A quote is missing where they are not known: MongoDB is away, and this
   * process has not asked it for them before. Show none then.
   */
  countsOf(quoteIds: readonly number[]): Promise<Map<number, Counts>>;
  /** Whether this like is given. False while MongoDB is away and the outbox says nothing. */
  liked(key: string): Promise<boolean>;
  /**
   * Quotes of today and the six days before, the highest score first. With MongoDB: what has been delivered by now, and
   * what was seen last while it is away.
   */
  trending(limit: number): Promise<readonly Trend[]>;
  /** Likes that were given and taken back after the event `id`, the oldest first. */
  eventsAfter(id: number, limit: number): Promise<ReactionEvent[]>;
  latestEventId(): Promise<number>;
  /** `embedded` where there is no MongoDB, else whether it answers. */
  readonly state: 'embedded' | 'ok' | 'away';
  /** Writes what is in memory. The database is still open then. */
  close(): Promise<void>;
}

/** What differs with where reactions are kept. */
export interface Backend {
  /** Takes reactions as a part of the transaction. Gives the likes that others are told of. */
  write(transaction: Transaction, reactions: readonly Reaction[]): Promise<readonly Like[]>;
  /** They are committed. */
  written(): void;
  countsOf(quoteIds: readonly number[]): Promise<Map<number, Counts>>;
  liked(key: string): Promise<boolean>;
  trending(day: number, limit: number): Promise<readonly Trend[]>;
  readonly state: ReactionService['state'];
  close(): Promise<void>;
}

const WEEK = 7;

/** Does not wait for MongoDB. Throws `MQ_ERR_CONFIG` where its URL cannot be one. */
export async function createReactionService(
  database: Database,
  mongodb: MongodbConfig | null,
  log: FastifyBaseLogger,
): Promise<ReactionService> {
  const backend = mongodb === null ? embedded(database) : await onMongodb(database, mongodb, log);
  const events = createEventTable(database);

  async function writeLikes(transaction: Transaction, likes: readonly Like[]): Promise<ReadonlySet<Like>> {
    await takeTurn(database, transaction);
    const quotes = await existing(
      transaction,
      likes.map(({ quoteId }) => quoteId),
    );
    const taken = likes.filter(({ quoteId }) => quotes.has(quoteId));
    await events.add(transaction, await backend.write(transaction, taken));
    return new Set(taken);
  }

  const recorder = new Recorder(database, writeLikes);

  async function record(kind: Like['kind'], quoteId: number, key: string): Promise<void> {
    const taken = await recorder.record({ kind, quoteId, key, at: Date.now() });
    if (!taken) throw new NotFound(`there is no quote ${quoteId}`);
    backend.written();
  }

  const views = new ViewCounter(async (counted) => {
    const at = Date.now();
    const reactions = [...counted].map(([quoteId, count]): Views => ({ kind: 'views', quoteId, count, at }));
    await database.transaction(async (transaction) => {
      await takeTurn(database, transaction);
      await backend.write(transaction, reactions);
    });
    backend.written();
  }, log);

  return {
    like: (quoteId, key) => record('like', quoteId, key),
    unlike: (key, quoteId) => record('unlike', quoteId, key),
    view: (quoteId) => views.count(quoteId),
    countsOf: (quoteIds) => backend.countsOf(quoteIds),
    liked: (key) => backend.liked(key),
    async trending(limit) {
      // Reactions of a deleted quote are kept, for the deletion can be undone. So some more are asked for than are shown.
      const trends = await backend.trending(dayOf(Date.now()) - (WEEK - 1), 2 * limit + 20);
      const quotes = await existing(
        database,
        trends.map(({ quoteId }) => quoteId),
      );
      return trends.filter(({ quoteId }) => quotes.has(quoteId)).slice(0, limit);
    },
    eventsAfter: (id, limit) => events.after(id, limit),
    latestEventId: () => events.latest(),
    get state() {
      return backend.state;
    },
    async close() {
      await views.close();
      await backend.close();
    },
  };
}

/** Those of `quoteIds` that are quotes. */
async function existing(reader: Pick<Database, 'query'>, quoteIds: readonly number[]): Promise<ReadonlySet<number>> {
  const ids = [...new Set(quoteIds)];
  if (ids.length === 0) return new Set();
  const rows = await reader.query<{ id: number }>(`SELECT id FROM quotes WHERE id IN (${list(ids.length)})`, ids);
  return new Set(rows.map(({ id }) => id));
}

function embedded(database: Database): Backend {
  const store = createSqlStore(database);
  return {
    write: (transaction, reactions) => store.applyIn(transaction, reactions),
    written() {},
    countsOf: (quoteIds) => store.counts(quoteIds),
    liked: async (key) => (await store.liked([key])).has(key),
    trending: (day, limit) => store.trending(day, limit),
    state: 'embedded',
    close: () => store.close(),
  };
}

async function onMongodb(database: Database, config: MongodbConfig, log: FastifyBaseLogger): Promise<Backend> {
  // Loaded where it is used alone: the driver takes 0.2 s and some 20 MB.
  const { createMongoBackend } = await import('./mongo-backend.ts');
  return createMongoBackend(database, config, log);
}
