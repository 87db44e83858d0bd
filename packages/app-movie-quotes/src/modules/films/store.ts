// The films in the database. They are written with their quotes; see modules/quotes/changes.ts.

import type { Database } from '../../database/database.ts';
import { afterCursor, containsWords, type ListQuery, orderBy, pageOf, type SortColumns, where } from '../listing.ts';
import type { Decade, FilmSummary } from './schemas.ts';

export interface FilmStore {
  list(query: ListQuery): Promise<{ rows: readonly FilmSummary[]; next: string | null }>;
  decades(): Promise<readonly Decade[]>;
  ofDecade(decade: number, offset: number, limit: number): Promise<readonly FilmSummary[]>;
}

/** What films can be sorted by. */
export const FILM_COLUMNS: SortColumns = {
  title: { sql: 'films.title', name: 'title', type: 'string' },
  year: { sql: 'films.year', name: 'year', type: 'number' },
  id: { sql: 'films.id', name: 'id', type: 'number' },
};

const DECADES = `SELECT films.year - films.year % 10 AS decade, COUNT(DISTINCT films.id) AS films, COUNT(*) AS quotes
  FROM films JOIN quotes ON quotes.film_id = films.id GROUP BY films.year - films.year % 10 ORDER BY decade`;
const OF_DECADE = `SELECT films.id AS id, films.title AS title, films.year AS year, COUNT(*) AS quoteCount
  FROM films JOIN quotes ON quotes.film_id = films.id WHERE films.year BETWEEN ? AND ?
  GROUP BY films.id, films.title, films.year ORDER BY films.year, films.title LIMIT ? OFFSET ?`;

export function createFilmStore(database: Database): FilmStore {
  return {
    async list({ search, sort, limit, cursor }) {
      const order = orderBy(FILM_COLUMNS, 'films.id', sort);
      const words = containsWords('quotes.search', search);
      // By its quotes, because these have the title and the year in words that are folded.
      const found = {
        sql: `EXISTS (SELECT 1 FROM quotes WHERE quotes.film_id = films.id${words.sql && ` AND ${words.sql}`})`,
        values: words.values,
      };
      const rest = where(found, afterCursor(order, 'films.id', cursor));
      const rows = await database.query<FilmSummary>(
        `SELECT films.id AS id, films.title AS title, films.year AS year,
            (SELECT COUNT(*) FROM quotes WHERE quotes.film_id = films.id) AS quoteCount
          FROM films ${rest.sql} ORDER BY ${order.sql} LIMIT ?`,
        [...rest.values, limit + 1],
      );
      return pageOf(rows, limit, order);
    },
    decades: () => database.query<Decade>(DECADES),
    ofDecade: (decade, offset, limit) => database.query<FilmSummary>(OF_DECADE, [decade, decade + 9, limit, offset]),
  };
}
