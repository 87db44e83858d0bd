// Reactions that were accepted and are not yet known to be in MongoDB: a table of the SQL database, in their order.

import type { Database, Transaction } from '../../database/database.ts';
import { list, slices } from './statements.ts';
import type { Counts, Numbered, Reaction } from './store.ts';

export interface Outbox {
  add(transaction: Transaction, reactions: readonly Reaction[]): Promise<void>;
  oldest(limit: number): Promise<Numbered[]>;
  /** Takes out what `oldest` gave. */
  remove(delivered: readonly Numbered[]): Promise<void>;
  /** Everything about these quotes, in its order. */
  about(quoteIds: readonly number[]): Promise<Numbered[]>;
  /** What everything about these quotes comes to, where each like is one that was not given before. */
  sumsAbout(quoteIds: readonly number[]): Promise<Map<number, Counts>>;
  /** The last thing that was done to a like; undefined where nothing waits. */
  lastOf(key: string): Promise<'like' | 'unlike' | undefined>;
}

interface Row {
  readonly id: number;
  readonly kind: 'like' | 'unlike' | 'views';
  readonly like_id: string;
  readonly quote_id: number;
  readonly count: number;
  readonly at: number;
}

const SELECT = 'SELECT id, kind, like_id, quote_id, count, at FROM reaction_outbox';

export function createOutbox(database: Database): Outbox {
  return {
    async add(transaction, reactions) {
      for (const some of slices(reactions, 500)) {
        await transaction.run(
          `INSERT INTO reaction_outbox (kind, like_id, quote_id, count, at) VALUES ${list(some.length, '(?, ?, ?, ?, ?)')}`,
          some.flatMap((reaction) =>
            reaction.kind === 'views'
              ? [reaction.kind, '', reaction.quoteId, reaction.count, reaction.at]
              : [reaction.kind, reaction.key, reaction.quoteId, 1, reaction.at],
          ),
        );
      }
    },
    async oldest(limit) {
      return (await database.query<Row>(`${SELECT} ORDER BY id LIMIT ?`, [limit])).map(toReaction);
    },
    async remove(delivered) {
      const [first, last] = [delivered[0], delivered.at(-1)];
      if (first === undefined || last === undefined) return;
      // No other id can have come in between: see order.ts.
      await database.transaction((transaction) =>
        transaction.run('DELETE FROM reaction_outbox WHERE id BETWEEN ? AND ?', [first.number, last.number]),
      );
    },
    async about(quoteIds) {
      if (quoteIds.length === 0) return [];
      const rows = await database.query<Row>(
        `${SELECT} WHERE quote_id IN (${list(quoteIds.length)}) ORDER BY id`,
        quoteIds,
      );
      return rows.map(toReaction);
    },
    async sumsAbout(quoteIds) {
      if (quoteIds.length === 0) return new Map();
      const rows = await database.query<{ quoteId: number; likes: number; unlikes: number; views: number }>(
        `SELECT quote_id AS quoteId, COUNT(DISTINCT CASE kind WHEN 'like' THEN like_id END) AS likes,
            COUNT(DISTINCT CASE kind WHEN 'unlike' THEN like_id END) AS unlikes,
            SUM(CASE kind WHEN 'views' THEN count ELSE 0 END) AS views
          FROM reaction_outbox WHERE quote_id IN (${list(quoteIds.length)}) GROUP BY quote_id`,
        quoteIds,
      );
      return new Map(
        rows.map(({ quoteId, likes, unlikes, views }) => [
          quoteId,
          { likes: Number(likes) - Number(unlikes), views: Number(views) },
        ]),
      );
    },
    async lastOf(key) {
      const rows = await database.query<Row>(`${SELECT} WHERE like_id = ? ORDER BY id DESC LIMIT 1`, [key]);
      return rows[0]?.kind as 'like' | 'unlike' | undefined;
    },
  };
}

function toReaction({ id, kind, like_id, quote_id, count, at }: Row): Numbered {
  return kind === 'views'
    ? { number: id, kind, quoteId: quote_id, count, at }
    : { number: id, kind, quoteId: quote_id, key: like_id, at };
}
