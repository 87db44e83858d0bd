// The catalogue's tables as TypeORM sees them: entity schemas, because Node runs these files without a decorator step.

import { EntitySchema } from 'typeorm';

/** A film, told apart by its title and the year of its first showing. */
export interface Film {
  id: number;
  title: string;
  year: number;
}

/** A line that somebody says in a film. */
export interface FilmQuote {
  id: number;
  filmId: number;
  film?: Film;
  content: string;
  speaker: string;
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

export const QuoteEntity: EntitySchema<FilmQuote> = new EntitySchema<FilmQuote>({
  name: 'quote',
  tableName: 'quotes',
  columns: {
    id: { type: 'integer', primary: true, generated: 'increment' },
    filmId: { name: 'film_id', type: 'integer' },
    content: { type: 'varchar', length: 500 },
    speaker: { type: 'varchar', length: 200 },
  },
  relations: {
    film: {
      type: 'many-to-one',
      target: 'film',
      joinColumn: { name: 'film_id', foreignKeyConstraintName: 'quotes_film' },
      nullable: false,
      onDelete: 'CASCADE',
    },
  },
  uniques: [{ name: 'quotes_film_content', columns: ['filmId', 'content'] }],
});
