// What all of /api has in common: how requests are read, how errors are told, how much a client may ask for, and the
// description of it.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { LimitConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import type { ShowsToken } from '../middleware/api-token.ts';
import { readStrictly } from '../middleware/input.ts';
import { answerOtherMethods } from '../middleware/methods.ts';
import { describeApi, type OpenApi } from '../middleware/openapi.ts';
import { clientOf, limitRate } from '../middleware/rate-limit.ts';
import { Film, FilmSummary } from '../modules/films/schemas.ts';
import { Quote, QuoteInput } from '../modules/quotes/schemas.ts';

export interface ApiOptions {
  readonly database: Database;
  readonly limits: LimitConfig;
  readonly showsToken: ShowsToken;
}

const TAGS = [
  { name: 'quotes', description: 'The catalogue. Changes need the token.' },
  { name: 'films', description: 'Films, with their quotes.' },
  { name: 'reactions', description: 'What visitors like and look at.' },
];

const READS = ['GET', 'HEAD'];
const CHANGES = ['POST', 'PUT', 'PATCH', 'DELETE'];

/** Sets `app` up for the API's routes, which come after it. Gives their description, which is whole once `app` is ready. */
export async function prepareApi(app: FastifyInstance, options: ApiOptions): Promise<() => OpenApi> {
  const { database, limits, showsToken } = options;
  answerOtherMethods(app);
  readStrictly(app);
  // Who shows the token is one client, wherever it is.
  const client = (request: FastifyRequest) => clientOf(request) && (showsToken(request) ? 'token' : clientOf(request));
  const common = { database, seconds: 60 };
  await limitRate(app, {
    ...common,
    name: 'api-reads',
    max: limits.reads,
    batch: Math.min(20, Math.ceil(limits.reads / 10)),
    methods: READS,
    keyOf: client,
  });
  await limitRate(app, {
    ...common,
    name: 'writes',
    max: limits.writes,
    methods: CHANGES,
    keyOf: client,
  });
  return describeApi(app, { tags: TAGS, schemas: { Quote, QuoteInput, Film, FilmSummary } });
}
