// What the probes answer.

import { type Static, Type } from 'typebox';

export const Liveness = Type.Object({ status: Type.Literal('live') });

/** `ok`, or in a few words what is wrong. */
const Check = Type.String();

export const Readiness = Type.Object({
  status: Type.Enum(['ready', 'unavailable']),
  checks: Type.Optional(
    Type.Object(
      { database: Check, pressure: Check, reactions: Check },
      { description: 'For who asks from the same machine and through no proxy' },
    ),
  ),
});
export type Readiness = Required<Static<typeof Readiness>>;
