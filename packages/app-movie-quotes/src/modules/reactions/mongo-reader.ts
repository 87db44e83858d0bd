// What is known of reactions where they go to MongoDB: what it has, and what is still in the outbox. While MongoDB is away,
// what this process saw there last and what is in the outbox since.

import { MongodbAway } from './mongo-connection.ts';
import type { Outbox } from './outbox.ts';
import type { Counts, Like, Numbered, ReactionStore, StoredCounts, Trend, Views } from './store.ts';

/** How many quotes' counts a process remembers for when MongoDB is away. */
const REMEMBERED = 5000;

export class MongoReader {
  readonly #outbox: Outbox;
  readonly #store: ReactionStore;
  readonly #lastCounts = new Map<number, Counts>();
  #lastTrends: readonly Trend[] = [];

  constructor(outbox: Outbox, store: ReactionStore) {
    this.#outbox = outbox;
    this.#store = store;
  }

  async countsOf(quoteIds: readonly number[]): Promise<Map<number, Counts>> {
    // The outbox before MongoDB: what is delivered in between is in both, and its number tells. The other way round it
    // would be in neither.
    const waiting = this.#store.available ? await this.#outbox.about(quoteIds) : [];
    try {
      const keys = new Set(waiting.filter((one) => one.kind !== 'views').map(({ key }) => key));
      const liked = keys.size === 0 ? new Set<string>() : await this.#store.liked([...keys]);
      const stored = await this.#store.counts(quoteIds);
      this.#remember(stored);
      return withWaiting(stored, liked, waiting);
    } catch (error) {
      if (!(error instanceof MongodbAway)) throw error;
      return this.#estimate(quoteIds);
    }
  }

  async liked(key: string): Promise<boolean> {
    const last = await this.#outbox.lastOf(key);
    if (last !== undefined) return last === 'like';
    try {
      return (await this.#store.liked([key])).has(key);
    } catch (error) {
      if (!(error instanceof MongodbAway)) throw error;
      return false;
    }
  }

  async trending(day: number, limit: number): Promise<readonly Trend[]> {
    try {
      this.#lastTrends = await this.#store.trending(day, limit);
    } catch (error) {
      if (!(error instanceof MongodbAway)) throw error;
    }
    return this.#lastTrends.slice(0, limit);
  }

  #remember(stored: ReadonlyMap<number, StoredCounts>): void {
    for (const [quoteId, { likes, views }] of stored) {
      this.#lastCounts.delete(quoteId);
      this.#lastCounts.set(quoteId, { likes, views });
    }
    // A map keeps the order of insertion: the first ones were asked for the longest ago.
    for (const quoteId of this.#lastCounts.keys()) {
      if (this.#lastCounts.size <= REMEMBERED) break;
      this.#lastCounts.delete(quoteId);
    }
  }

  async #estimate(quoteIds: readonly number[]): Promise<Map<number, Counts>> {
    const seen = quoteIds.filter((id) => this.#lastCounts.has(id));
    const waiting = await this.#outbox.sumsAbout(seen);
    return new Map(
      seen.map((id) => {
        const { likes, views } = this.#lastCounts.get(id) as Counts;
        const more = waiting.get(id) ?? { likes: 0, views: 0 };
        return [id, { likes: Math.max(likes + more.likes, 0), views: views + more.views }];
      }),
    );
  }
}

/** `liked` was read before `stored`, and `waiting` before that. */
function withWaiting(
  stored: ReadonlyMap<number, StoredCounts>,
  liked: ReadonlySet<string>,
  waiting: readonly Numbered[],
): Map<number, Counts> {
  const given = new Set(liked);
  const counts = new Map<number, Counts>([...stored].map(([id, { likes, views }]) => [id, { likes, views }]));
  for (const reaction of waiting) {
    const of = stored.get(reaction.quoteId);
    const sum = counts.get(reaction.quoteId);
    if (of === undefined || sum === undefined) continue;
    if (reaction.kind === 'views') counts.set(reaction.quoteId, addViews(sum, reaction, of));
    else counts.set(reaction.quoteId, addLike(sum, reaction, of, given));
  }
  return counts;
}

function addViews(sum: Counts, { number, count }: Numbered<Views>, { lastViews }: StoredCounts): Counts {
  return number > lastViews ? { ...sum, views: sum.views + count } : sum;
}

function addLike(sum: Counts, like: Numbered<Like>, { lastLike }: StoredCounts, given: Set<string>): Counts {
  const { kind, key, number } = like;
  const change = Number(kind === 'like') - Number(given.has(key));
  if (kind === 'like') given.add(key);
  else given.delete(key);
  return number > lastLike ? { ...sum, likes: sum.likes + change } : sum;
}
