// Reactions in the catalogue's own database: the embedded store.

import type { Database, Transaction } from '../../database/database.ts';
import { list, slices } from './statements.ts';
import {
  DAY,
  dayOf,
  LIKE_WEIGHT,
  type Like,
  NOTHING,
  type Reaction,
  type ReactionStore,
  type StoredCounts,
  type Trend,
  type Views,
} from './store.ts';

export interface SqlReactionStore extends ReactionStore {
  /** Applies reactions as a part of a transaction. Gives the likes that changed something. */
  applyIn(transaction: Transaction, reactions: readonly Reaction[]): Promise<Like[]>;
}

/** Both sorts of attention, each row with zeros for the other one. */
const TRENDING = `SELECT quote_id AS quoteId, SUM(likes) AS likes, SUM(views) AS views,
    SUM(likes * ${LIKE_WEIGHT} + views) AS score
  FROM (SELECT quote_id, 1 AS likes, 0 AS views FROM likes WHERE at >= ?
    UNION ALL SELECT quote_id, 0, count FROM views WHERE day >= ?) AS attention
  GROUP BY quote_id ORDER BY score DESC, quote_id LIMIT ?`;

export function createSqlStore(database: Database): SqlReactionStore {
  const { words } = database;

  async function addViews(transaction: Transaction, views: readonly Views[]): Promise<void> {
    // One row for each quote and day: a statement that meets its own row again is refused by some databases.
    const sums = new Map<string, [day: number, quoteId: number, count: number]>();
    for (const { quoteId, count, at } of views) {
      const key = `${dayOf(at)}:${quoteId}`;
      const [, , sum] = sums.get(key) ?? [0, 0, 0];
      sums.set(key, [dayOf(at), quoteId, sum + count]);
    }
    for (const rows of slices([...sums.values()], 500)) {
      await transaction.run(
        `INSERT INTO views (day, quote_id, count) VALUES ${list(rows.length, '(?, ?, ?)')}
          ${words.onConflictUpdate('day, quote_id')} count = views.count + ${words.inserted('count')}`,
        rows.flat(),
      );
    }
  }

  async function applyIn(transaction: Transaction, reactions: readonly Reaction[]): Promise<Like[]> {
    const changed: Like[] = [];
    const views: Views[] = [];
    for (const reaction of reactions) {
      if (reaction.kind === 'views') {
        views.push(reaction);
        continue;
      }
      const { kind, key, quoteId, at } = reaction;
      const { rows } =
        kind === 'like'
          ? await transaction.run(`${words.insertOrIgnore} likes (id, quote_id, at) VALUES (?, ?, ?)`, [
              key,
              quoteId,
              at,
            ])
          : await transaction.run('DELETE FROM likes WHERE id = ?', [key]);
      if (rows > 0) changed.push(reaction);
    }
    await addViews(transaction, views);
    return changed;
  }

  return {
    available: true,
    applyIn,
    async apply(reactions) {
      await database.transaction((transaction) => applyIn(transaction, reactions));
    },
    async counts(quoteIds) {
      const counts = new Map<number, StoredCounts>(quoteIds.map((id) => [id, NOTHING]));
      if (quoteIds.length === 0) return counts;
      const ids = list(quoteIds.length);
      const rows = await database.query<{ quoteId: number; likes: number; views: number }>(
        `SELECT quote_id AS quoteId, COUNT(*) AS likes, 0 AS views FROM likes WHERE quote_id IN (${ids}) GROUP BY quote_id
          UNION ALL SELECT quote_id, 0, SUM(count) FROM views WHERE quote_id IN (${ids}) GROUP BY quote_id`,
        [...quoteIds, ...quoteIds],
      );
      for (const { quoteId, likes, views } of rows) {
        const before = counts.get(quoteId) ?? NOTHING;
        // MariaDB's sums are decimals, which come as text.
        counts.set(quoteId, { ...before, likes: before.likes + Number(likes), views: before.views + Number(views) });
      }
      return counts;
    },
    async liked(keys) {
      if (keys.length === 0) return new Set();
      const rows = await database.query<{ id: string }>(
        `SELECT id FROM likes WHERE id IN (${list(keys.length)})`,
        keys,
      );
      return new Set(rows.map(({ id }) => id));
    },
    async trending(day, limit) {
      const rows = await database.query<Trend>(TRENDING, [day * DAY, day, limit]);
      return rows.map(({ quoteId, likes, views, score }) => ({
        quoteId,
        likes: Number(likes),
        views: Number(views),
        score: Number(score),
      }));
    },
    async close() {},
  };
}
