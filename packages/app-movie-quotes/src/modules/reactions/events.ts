// What live pages are told: a table whose ids only grow, and which readers ask for what came after the id that they have.
//
// A reader that has seen an id never finds a smaller one later: likes are written one transaction after the other (SQLite
// has one writer; on MariaDB see order.ts).

import type { Database, Transaction } from '../../database/database.ts';
import { list, slices } from './statements.ts';
import type { Like } from './store.ts';

export interface ReactionEvent {
  readonly id: number;
  readonly kind: 'like' | 'unlike';
  readonly quoteId: number;
  readonly at: number;
}

export interface EventTable {
  add(transaction: Transaction, likes: readonly Like[]): Promise<void>;
  /** The oldest `limit` events after `id`. */
  after(id: number, limit: number): Promise<ReactionEvent[]>;
  /** The newest event's id; 0 where there is none. */
  latest(): Promise<number>;
}

/** How many are kept in any case, and for how long all are. */
const KEPT = 10_000;
const KEPT_FOR = 3_600_000;
/** After how many of its own a process looks for old ones. */
const PRUNED_AFTER = 1000;

export function createEventTable(database: Database): EventTable {
  let written = 0;

  async function latest(reader: Pick<Database, 'query'>): Promise<number> {
    const rows = await reader.query<{ id: number | null }>('SELECT MAX(id) AS id FROM reaction_events');
    return Number(rows[0]?.id ?? 0);
  }

  return {
    async add(transaction, likes) {
      for (const some of slices(likes, 500)) {
        await transaction.run(
          `INSERT INTO reaction_events (kind, quote_id, at) VALUES ${list(some.length, '(?, ?, ?)')}`,
          some.flatMap(({ kind, quoteId, at }) => [kind, quoteId, at]),
        );
      }
      written += likes.length;
      if (written < PRUNED_AFTER) return;
      written = 0;
      await transaction.run('DELETE FROM reaction_events WHERE id <= ? AND at < ?', [
        (await latest(transaction)) - KEPT,
        Date.now() - KEPT_FOR,
      ]);
    },
    after(id, limit) {
      return database.query<ReactionEvent>(
        'SELECT id, kind, quote_id AS quoteId, at FROM reaction_events WHERE id > ? ORDER BY id LIMIT ?',
        [id, limit],
      );
    },
    latest: () => latest(database),
  };
}
