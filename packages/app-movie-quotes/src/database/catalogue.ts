// The bundled catalogue, and its import into tables that were just made.

import type { EntityManager, EntitySchema, QueryDeepPartialEntity } from 'typeorm';
import { searchText } from '../modules/quotes/search.ts';
import catalogue from './catalogue.json' with { type: 'json' };
import { FilmEntity, PersonEntity, QuoteEntity } from './entities.ts';

/** A film of the bundled catalogue with its quotes. */
export interface CatalogueFilm {
  readonly title: string;
  readonly year: number;
  readonly quotes: readonly { readonly content: string; readonly speaker: string }[];
}

/** The bundled catalogue, films in the order of their years. */
export const CATALOGUE: readonly CatalogueFilm[] = catalogue;

// SQLite binds at most 32766 values in one statement, MariaDB 65535: far above the values of so many rows.
const BATCH = 500;

/** Inserts the bundled catalogue into empty tables. The caller holds the transaction. */
export async function importCatalogue(manager: EntityManager): Promise<void> {
  // Ids are given here and not by the database, so that everything goes in with three kinds of statement and no reading
  // back in between.
  const films = CATALOGUE.map(({ title, year }, index) => ({ id: index + 1, title, year }));
  const people: { id: number; filmId: number; name: string }[] = [];
  const quotes = CATALOGUE.flatMap(({ title, year, quotes }, index) => {
    const filmId = index + 1;
    const ids = new Map<string, number>();
    return quotes.map(({ content, speaker }) => {
      const personId = ids.get(speaker) ?? people.length + 1;
      if (!ids.has(speaker)) people.push({ id: personId, filmId, name: speaker });
      ids.set(speaker, personId);
      return { filmId, personId, content, search: searchText({ content, speaker, film: title, year }) };
    });
  });
  await insert(manager, FilmEntity, films);
  await insert(manager, PersonEntity, people);
  await insert(manager, QuoteEntity, quotes);
}

async function insert<Row extends object>(manager: EntityManager, entity: EntitySchema<Row>, rows: Partial<Row>[]) {
  for (let i = 0; i < rows.length; i += BATCH) {
    const values = rows.slice(i, i + BATCH) as QueryDeepPartialEntity<Row>[];
    await manager.createQueryBuilder().insert().into(entity).values(values).updateEntity(false).execute();
  }
}
