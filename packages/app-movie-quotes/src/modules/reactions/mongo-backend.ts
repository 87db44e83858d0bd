// Reactions on MongoDB: into the outbox, from there to MongoDB, and read from both.

import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { MongodbConfig } from '../../config/config.ts';
import type { Database } from '../../database/database.ts';
import { Delivery } from './delivery.ts';
import { MongoReader } from './mongo-reader.ts';
import { connectMongoStore } from './mongo-store.ts';
import { originOf } from './order.ts';
import { createOutbox } from './outbox.ts';
import type { Backend } from './service.ts';

/** Milliseconds that a start waits for MongoDB, and goes on without it. */
const START = 1000;

export async function createMongoBackend(
  database: Database,
  config: MongodbConfig,
  log: FastifyBaseLogger,
): Promise<Backend> {
  const outbox = createOutbox(database);
  const answers = Promise.withResolvers<void>();
  const store = connectMongoStore(config, await originOf(database), log, () => {
    answers.resolve();
    delivery.wake();
  });
  const delivery = new Delivery(database, outbox, store, log);
  const reader = new MongoReader(outbox, store);
  delivery.start();
  // So that the first pages have counts, where it is there.
  const waiting = new AbortController();
  await Promise.race([answers.promise, delay(START, undefined, { signal: waiting.signal })]);
  waiting.abort();
  return {
    async write(transaction, reactions) {
      await outbox.add(transaction, reactions);
      // Whether a like was given before, MongoDB alone knows.
      return reactions.filter((reaction) => reaction.kind !== 'views');
    },
    written: () => delivery.wake(),
    countsOf: (quoteIds) => reader.countsOf(quoteIds),
    liked: (key) => reader.liked(key),
    trending: (day, limit) => reader.trending(day, limit),
    get state() {
      return store.available ? 'ok' : 'away';
    },
    async close() {
      await delivery.stop();
      await store.close();
    },
  };
}
