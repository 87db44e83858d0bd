// The catalogue's tables as TypeORM sees them: entity schemas, because Node runs these files without a decorator step.

import { EntitySchema } from 'typeorm';

/** A film, told apart by its title and the year of its first showing. */
export interface Film {
  id: number;
  title: string;
  year: number;
}

/** Somebody who says a line, by the name of the part: a person is one film's. */
export interface Person {
  id: number;
  filmId: number;
  film?: Film;
  name: string;
}

/** A line that somebody says in a film. */
export interface FilmQuote {
  id: number;
  filmId: number;
  film?: Film;
  personId: number;
  person?: Person;
  content: string;
  /** See modules/quotes/search.ts. */
  search: string;
  /** 1, and one more with each change. */
  version: number;
  /** Milliseconds since 1970; 0 for what came with the application. */
  updatedAt: number;
}

export const FilmEntity: EntitySchema<Film> = new EntitySchema<Film>({
  name: 'film',
  tableName: 'films',
  columns: {
    id: { type: 'integer', primary: true, generated: 'increment' },
    title: { type: 'varchar', length: 200 },
    year: { type: 'smallint' },
  },
  uniques: [{ name: 'films_title_year', columns: ['title', 'year'] }],
  indices: [{ name: 'films_year', columns: ['year'] }],
});

export const PersonEntity: EntitySchema<Person> = new EntitySchema<Person>({
  name: 'person',
  tableName: 'people',
  columns: {
    id: { type: 'integer', primary: true, generated: 'increment' },
    filmId: { name: 'film_id', type: 'integer' },
    name: { type: 'varchar', length: 200 },
  },
  relations: {
    film: {
      type: 'many-to-one',
      target: 'film',
      joinColumn: { name: 'film_id', foreignKeyConstraintName: 'people_film' },
      nullable: false,
      onDelete: 'CASCADE',
    },
  },
  uniques: [{ name: 'people_film_name', columns: ['filmId', 'name'] }],
});

export const QuoteEntity: EntitySchema<FilmQuote> = new EntitySchema<FilmQuote>({
  name: 'quote',
  tableName: 'quotes',
  columns: {
    id: { type: 'integer', primary: true, generated: 'increment' },
    filmId: { name: 'film_id', type: 'integer' },
    personId: { name: 'person_id', type: 'integer' },
    content: { type: 'varchar', length: 500 },
    search: { type: 'varchar', length: 2000, default: '' },
    version: { type: 'integer', default: 1 },
    updatedAt: { name: 'updated_at', type: 'bigint', default: 0 },
  },
  relations: {
    film: {
      type: 'many-to-one',
      target: 'film',
      joinColumn: { name: 'film_id', foreignKeyConstraintName: 'quotes_film' },
      nullable: false,
      onDelete: 'CASCADE',
    },
    person: {
      type: 'many-to-one',
      target: 'person',
      joinColumn: { name: 'person_id', foreignKeyConstraintName: 'quotes_person' },
      nullable: false,
      onDelete: 'CASCADE',
    },
  },
  uniques: [{ name: 'quotes_film_content', columns: ['filmId', 'content'] }],
  indices: [{ name: 'quotes_person_id', columns: ['personId'] }],
});

export const ENTITIES = [FilmEntity, PersonEntity, QuoteEntity];
