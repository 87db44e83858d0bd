// What the reactions' routes take and answer.

import { type Static, Type } from 'typebox';
import { Quote } from '../quotes/schemas.ts';

export const ReactionInput = Type.Object(
  { kind: Type.Enum(['like', 'unlike'], { type: 'string', description: 'unlike takes a like back' }) },
  { additionalProperties: false },
);
export type ReactionInput = Static<typeof ReactionInput>;

/** With the key that `like` had, `unlike` takes that like back. */
export const ReactionHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[!-~]{1,64}$',
      description:
        '1 to 64 printable ASCII characters: the same one counts once for each quote. Without it each like counts',
    }),
  ),
});

const LIKES = Type.Integer({ description: 'Left out where it is not known now' });
const VIEWS = Type.Integer({ description: 'Left out where it is not known now' });

export const ReactionCounts = Type.Object({
  quoteId: Type.Integer(),
  likes: Type.Optional(LIKES),
  views: Type.Optional(VIEWS),
});

export const TrendingQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 50, default: 10, description: 'How many quotes, 1 to 50' }),
});

export const Trending = Type.Object({
  quotes: Type.Array(
    Type.Object({
      ...Quote.properties,
      likes: Type.Integer({ description: 'In the last 7 days' }),
      views: Type.Integer({ description: 'In the last 7 days' }),
      score: Type.Integer({ description: 'What the list is sorted by: a like counts as much as 10 views' }),
    }),
  ),
});

/** `Last-Event-ID`, as browsers send it when they connect again. */
export const StreamHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ pattern: '^[0-9]{1,15}$', description: 'The id of the last event that was received' }),
  ),
});
