// How much a client may ask for: fixed windows of time, counted in the database, so that they hold over all workers and
// containers. The headers are those of the IETF's draft (ratelimit-limit, -remaining, -reset) and Retry-After.

import rateLimit, { type FastifyRateLimitStore, normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestHookHandler, preHandlerAsyncHookHandler } from 'fastify';
import type { Database } from '../database/database.ts';
import { Refusal } from '../modules/refusal.ts';

export interface RateLimit {
  readonly database: Database;
  /** What is limited; limits of one name share their counts. At most 40 characters. */
  readonly name: string;
  /** Requests of a client in `seconds`; 0 for no limit. */
  readonly max: number;
  readonly seconds: number;
  /**
   * How many requests a worker counts by itself before it tells the database; default 1. With more, most requests cost no
   * write, and a client gets up to so many more for each worker.
   */
  readonly batch?: number;
  /** Whose count a request goes to; `null` for nobody's. Default: {@link clientOf}. */
  readonly keyOf?: (request: FastifyRequest) => string | null;
  /** Which methods count; default all. */
  readonly methods?: readonly string[];
}

/**
 * Limits the routes that are added to `app` from now on. When the database cannot count, requests pass: what they ask of it
 * fails by itself, and what they do not should not fail with it.
 */
export async function limitRate(app: FastifyInstance, limit: RateLimit): Promise<void> {
  const { max, keyOf = clientOf, methods } = limit;
  if (max === 0) return;
  const count = await countOf(app, { ...limit, keyOf });
  // With a callback: a promise more for each request that is not counted would cost more than what most of them ask for.
  const hook: onRequestHookHandler = function (request, reply, done) {
    if (keyOf(request) === null) return done();
    (count.call(this, request, reply) as Promise<void>).then(() => done(), done);
  };
  app.addHook('onRoute', (route) => {
    if (methods !== undefined && ![route.method].flat().some((method) => methods.includes(method))) return;
    const hooks = [route.onRequest ?? []].flat();
    // A route of HEAD begins as a copy of that of GET.
    if (!hooks.includes(hook)) route.onRequest = [...hooks, hook];
  });
}

/** Counts a request, sets the headers, and throws where it is one too many. */
async function countOf(
  app: FastifyInstance,
  limit: RateLimit & Required<Pick<RateLimit, 'keyOf'>>,
): Promise<preHandlerAsyncHookHandler> {
  const { max, seconds, keyOf } = limit;
  const counts = new Counts(limit);
  class Store implements FastifyRateLimitStore {
    incr = counts.incr;
    child(): this {
      return this;
    }
  }
  // In a scope of its own, for the plugin takes part in a scope once only.
  let count: preHandlerAsyncHookHandler | undefined;
  await app.register(async (scope) => {
    await scope.register(rateLimit, {
      global: false,
      max,
      timeWindow: seconds * 1000,
      store: Store,
      enableDraftSpec: true,
      skipOnError: true,
      keyGenerator: (request) => keyOf(request) as string,
      errorResponseBuilder: (_request, { ttl }) =>
        new Refusal(429, `only ${max} requests are taken in ${seconds} s; try again in ${Math.ceil(ttl / 1000)} s`),
    });
    count = scope.rateLimit();
  });
  return count as preHandlerAsyncHookHandler;
}

/**
 * The client's address; of IPv6 the network, for a client has all of it. `null` for this machine itself: who asks from here
 * is its operator, or a proxy that does not tell for whom, and all of its clients would share one count.
 */
export function clientOf({ ip }: FastifyRequest): string | null {
  if (ip === undefined || ip === '::1' || /^(::ffff:)?127\./i.test(ip)) return null;
  return normalizeIP(ip);
}

/** How often a client asked in this window, as far as this process knows. */
interface Count {
  /** Over all processes, when the database was told the last time. */
  total: number;
  /** Of this process since then. */
  untold: number;
  telling: boolean;
}

type Answer = Parameters<FastifyRateLimitStore['incr']>[1];

/** Clients that a process remembers; from then on it forgets all. */
const MOST_CLIENTS = 20_000;

class Counts {
  readonly #limit: Required<Pick<RateLimit, 'database' | 'name' | 'max' | 'batch'>>;
  readonly #length: number;
  #window = 0;
  readonly #counts = new Map<string, Count>();

  constructor({ database, name, max, seconds, batch = 1 }: RateLimit) {
    this.#limit = { database, name, max, batch };
    this.#length = seconds * 1000;
  }

  /** Counts a request of `key`, and answers how many there were and when the window ends. */
  readonly incr = (key: string, answer: Answer): void => {
    const { max, batch } = this.#limit;
    const now = Date.now();
    const window = Math.floor(now / this.#length);
    if (window !== this.#window || this.#counts.size >= MOST_CLIENTS) {
      this.#window = window;
      this.#counts.clear();
    }
    const ttl = (window + 1) * this.#length - now;
    const count = this.#counts.get(key) ?? { total: 0, untold: 0, telling: false };
    if (count.total + count.untold === 0) this.#counts.set(key, count);
    // Who has had all of it costs the database nothing more.
    if (count.total + count.untold >= max) {
      answer(null, { current: max + 1, ttl });
      return;
    }

    if (batch === 1) {
      this.#tell(key, window, 1).then(
        (total) => {
          count.total = Math.max(count.total, total);
          answer(null, { current: total, ttl });
        },
        (error) => answer(error),
      );
      return;
    }
    count.untold++;
    if (count.untold >= batch && !count.telling) void this.#tellAll(key, window, count);
    answer(null, { current: count.total + count.untold, ttl });
  };

  /** Tells the database in the background, until less than a batch is left. */
  async #tellAll(key: string, window: number, count: Count): Promise<void> {
    count.telling = true;
    try {
      while (count.untold >= this.#limit.batch) {
        const told = count.untold;
        count.total = await this.#tell(key, window, told);
        count.untold -= told;
      }
    } catch {
      // It is told with the next ones.
    } finally {
      count.telling = false;
    }
  }

  /** Adds to the count of all processes, and gives it. */
  #tell(key: string, window: number, requests: number): Promise<number> {
    const { database, name } = this.#limit;
    const { onConflictUpdate, inserted } = database.words;
    const id = `${name}:${key}:${window}`;
    return database.transaction(async (transaction) => {
      await transaction.run(
        `INSERT INTO limits (id, count, resets_at) VALUES (?, ?, ?)
          ${onConflictUpdate('id')} count = limits.count + ${inserted('count')}`,
        [id, requests, (window + 1) * this.#length],
      );
      const [row] = await transaction.query<{ count: number }>('SELECT count FROM limits WHERE id = ?', [id]);
      const total = Number(row?.count);
      // Who comes first in a window clears away the ones before.
      if (total === requests) await transaction.run('DELETE FROM limits WHERE resets_at <= ?', [Date.now()]);
      return total;
    });
  }
}
