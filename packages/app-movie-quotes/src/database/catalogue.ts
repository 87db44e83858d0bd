// The bundled catalogue, and its import into tables that were just made.

import type { EntityManager } from 'typeorm';
import catalogue from './catalogue.json' with { type: 'json' };
import { FilmEntity, QuoteEntity } from './entities.ts';

/** A film of the bundled catalogue with its quotes. */
export interface CatalogueFilm {
  readonly title: string;
  readonly year: number;
  readonly quotes: readonly { readonly content: string; readonly speaker: string }[];
}

/** The bundled catalogue, films in the order of their years. */
export const CATALOGUE: readonly CatalogueFilm[] = catalogue;

// SQLite binds at most 32766 values in one statement, MariaDB 65535: far above three or four times this.
const BATCH = 500;

/** Inserts the bundled catalogue. The caller holds the transaction. Returns how many quotes there are. */
export async function importCatalogue(manager: EntityManager): Promise<number> {
  // Ids are given here and not by the database, so that films and quotes go in with two kinds of statement and no
  // reading back in between.
  const films = CATALOGUE.map(({ title, year }, index) => ({ id: index + 1, title, year }));
  const quotes = CATALOGUE.flatMap((film, index) => film.quotes.map((quote) => ({ ...quote, filmId: index + 1 })));
  for (let i = 0; i < films.length; i += BATCH) {
    await manager
      .createQueryBuilder()
      .insert()
      .into(FilmEntity)
      .values(films.slice(i, i + BATCH))
      .updateEntity(false)
      .execute();
  }
  for (let i = 0; i < quotes.length; i += BATCH) {
    await manager
      .createQueryBuilder()
      .insert()
      .into(QuoteEntity)
      .values(quotes.slice(i, i + BATCH))
      .updateEntity(false)
      .execute();
  }
  return quotes.length;
}
