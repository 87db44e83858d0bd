// What the probes answer.

import { type Static, Type } from 'typebox';

export const Liveness = Type.Object({ status: Type.Literal('live') });

/** `ok`, or in a few words what is wrong. */
const Check = Type.String();

export const Readiness = Type.Object({
  status: Type.Enum(['ready', 'unavailable']),
  checks: Type.Object({ database: Check, pressure: Check }),
});
export type Readiness = Static<typeof Readiness>;
