// What one can ask of the films.

import type { ListQuery } from '../listing.ts';
import type { QuoteStore } from '../quotes/store.ts';
import { NotFound } from '../refusal.ts';
import type { Decade, Film, FilmSummary } from './schemas.ts';
import type { FilmStore } from './store.ts';

export interface FilmService {
  /** A page of the list, and the cursor of the next one. A film is found by any one of its quotes. */
  list(query: ListQuery): Promise<{ films: readonly FilmSummary[]; next: string | null }>;
  get(id: number): Promise<Film>;
  /** Those that have films, the first one first. */
  decades(): Promise<readonly Decade[]>;
  /** Its films by year and title. */
  ofDecade(decade: number, offset: number, limit: number): Promise<readonly FilmSummary[]>;
}

export function createFilmService(films: FilmStore, quotes: QuoteStore): FilmService {
  return {
    async list(query) {
      const { rows, next } = await films.list(query);
      return { films: rows, next };
    },
    async get(id) {
      const found = await quotes.ofFilm(id);
      const [first] = found;
      // A film without quotes is none: it goes with its last one.
      if (first === undefined) throw new NotFound(`there is no film ${id}`);
      return { id, title: first.film, year: first.year, quotes: [...found] };
    },
    decades: () => films.decades(),
    ofDecade: (decade, offset, limit) => films.ofDecade(decade, offset, limit),
  };
}
