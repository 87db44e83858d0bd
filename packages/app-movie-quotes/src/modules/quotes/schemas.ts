// What the quotes' routes take and answer. The types of the code are made from these, and so are the serializers and the
// API's description.

import { type Static, Type } from 'typebox';
import { listQuery, nextPage } from '../listing.ts';

/** Text of one line, as a person types it: no control characters, no halves of characters, no space at an end. */
const LINE = {
  minLength: 1,
  pattern: '^[^\\s\\p{Cc}\\p{Cs}]([^\\p{Cc}\\p{Cs}]*[^\\s\\p{Cc}\\p{Cs}])?$',
  'x-form': 'text on one line, without a space at its ends',
};

/** What each part is, for whoever reads about it. */
const FILM = { description: "The film's title", examples: ['Casablanca'] };
const YEAR = { description: "The year of the film's first showing", examples: [1942] };
const CONTENT = { description: 'The words, on one line', examples: ["We'll always have Paris."] };
const SPEAKER = { description: 'Who says it, by the name of the part', examples: ['Rick Blaine'] };

/** What is needed to make a quote, or to replace all of one. The oldest film is of 1888. */
export const QuoteInput = Type.Object(
  {
    film: Type.String({ ...LINE, maxLength: 200, ...FILM }),
    year: Type.Integer({ minimum: 1888, maximum: 2100, ...YEAR }),
    content: Type.String({ ...LINE, maxLength: 500, ...CONTENT }),
    speaker: Type.String({ ...LINE, maxLength: 200, ...SPEAKER }),
  },
  { additionalProperties: false },
);
export type QuoteInput = Static<typeof QuoteInput>;

/** A quote with what is needed to show it alone. */
export const Quote = Type.Object({
  id: Type.Integer({ description: 'The id of a deleted quote is not given to another one', examples: [37] }),
  film: Type.String(FILM),
  filmId: Type.Integer({ description: 'The id of the film', examples: [28] }),
  year: Type.Integer(YEAR),
  content: Type.String(CONTENT),
  speaker: Type.String(SPEAKER),
  version: Type.Integer({ description: '1, and one more with each change', examples: [1] }),
});
export type Quote = Static<typeof Quote>;

/** The id in a path. The maximum is what an integer column of every database holds. */
export const QuoteParams = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'The id of a quote' }),
});

export const QuoteListQuery = listQuery(['id', '-id', 'film', '-film', 'year', '-year', 'speaker', '-speaker'], {
  search:
    'Words, each of which occurs in the quote, its speaker, its film or its year; accents and capitals do not count',
});

/** A page of quotes. */
export const QuoteList = Type.Object({ quotes: Type.Array(Quote), next: nextPage });
