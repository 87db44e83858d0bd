// What search engines are told of: the ids of all quotes and films, in parts, for a sitemap has a limit.

import type { Database } from '../../database/database.ts';

/** Pages of the one kind. */
export type Kind = 'quotes' | 'films';

export interface SitemapStore {
  /** How many parts there are of each. */
  parts(): Promise<Readonly<Record<Kind, number>>>;
  /** The ids of a part, from 1. */
  idsOf(kind: Kind, part: number): Promise<readonly number[]>;
}

/** Ids of a part. A sitemap may have 50,000 addresses. */
const SIZE = 10_000;

const LAST = 'SELECT (SELECT MAX(id) FROM quotes) AS quotes, (SELECT MAX(film_id) FROM quotes) AS films';
// By ranges of ids and not by counting: a part costs the same wherever it is. A film without quotes has no page.
const IDS: Readonly<Record<Kind, string>> = {
  quotes: 'SELECT id FROM quotes WHERE id > ? AND id <= ? ORDER BY id',
  films: 'SELECT DISTINCT film_id AS id FROM quotes WHERE film_id > ? AND film_id <= ? ORDER BY film_id',
};

export function createSitemapStore(database: Database): SitemapStore {
  return {
    async parts() {
      const [last] = await database.query<Record<Kind, number | null>>(LAST);
      return { quotes: Math.ceil((last?.quotes ?? 0) / SIZE), films: Math.ceil((last?.films ?? 0) / SIZE) };
    },
    async idsOf(kind, part) {
      const rows = await database.query<{ id: number }>(IDS[kind], [(part - 1) * SIZE, part * SIZE]);
      return rows.map(({ id }) => id);
    },
  };
}
