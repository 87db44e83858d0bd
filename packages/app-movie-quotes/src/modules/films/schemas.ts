// What the films' routes take and answer.

import { type Static, Type } from 'typebox';
import { listQuery, nextPage } from '../listing.ts';
import { Quote } from '../quotes/schemas.ts';

const film = {
  id: Type.Integer({ description: 'The id of the film', examples: [28] }),
  title: Type.String({ examples: ['Casablanca'] }),
  year: Type.Integer({ description: 'The year of its first showing', examples: [1942] }),
};

/** A film with its quotes. */
export const Film = Type.Object({
  ...film,
  quotes: Type.Array(Quote, { description: 'In the order in which they came; at most 500' }),
});
export type Film = Static<typeof Film>;

/** A film in a list. */
export const FilmSummary = Type.Object({
  ...film,
  quoteCount: Type.Integer({ description: 'How many quotes it has', examples: [3] }),
});
export type FilmSummary = Static<typeof FilmSummary>;

/** The id in a path. */
export const FilmParams = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'The id of a film' }),
});

export const FilmListQuery = listQuery(['id', '-id', 'title', '-title', 'year', '-year'], {
  search: "Words, all of which occur in one of the film's quotes, its speaker, the title or the year",
});

/** A page of films. */
export const FilmList = Type.Object({ films: Type.Array(FilmSummary), next: nextPage });

/** A decade, with how many films and quotes there are of it. */
export interface Decade {
  /** Its first year. */
  readonly decade: number;
  readonly films: number;
  readonly quotes: number;
}
