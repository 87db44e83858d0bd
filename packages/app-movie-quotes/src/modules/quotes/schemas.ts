// What the quotes' routes take and answer. The types of the code are made from these, and so are the serializers.

import { type Static, Type } from 'typebox';

/** A quote with what is needed to show it alone. */
export const Quote = Type.Object({
  id: Type.Integer(),
  film: Type.String({ description: "The film's title" }),
  year: Type.Integer({ description: "The year of the film's first showing" }),
  content: Type.String(),
  speaker: Type.String({ description: 'Who says it, by the name of the part' }),
});
export type Quote = Static<typeof Quote>;

/** The id in a path. The maximum is what an integer column of every database holds. */
export const QuoteParams = Type.Object({
  id: Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'The id of a quote' }),
});
