// A visitor likes a quote, and takes it back: the form of the quote's page.

import formBody from '@fastify/formbody';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { LimitConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { limitRate } from '../middleware/rate-limit.ts';
import { refuseCrossSite } from '../middleware/same-origin.ts';
import { likeKey, recogniseVisitor } from '../middleware/visitor.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { ReactionService } from '../modules/reactions/service.ts';

export interface LikesOptions {
  readonly reactions: ReactionService;
  readonly database: Database;
  readonly limits: LimitConfig;
  readonly publicUrl: string | null;
}

/** What the visitor wants and not that it changes: pressing twice by mistake, or sending again, is then harmless. */
const LikeForm = Type.Object({ like: Type.Enum(['on', 'off']) });

export const likesController: FastifyPluginAsyncTypebox<LikesOptions> = async (app, options) => {
  const { reactions, database, limits, publicUrl } = options;
  refuseCrossSite(app, publicUrl);
  await limitRate(app, { database, name: 'page-likes', max: limits.writes, seconds: 60 });
  app.removeAllContentTypeParsers();
  await app.register(formBody, { bodyLimit: 1024 });

  app.post('/quotes/:id/likes', { schema: { params: QuoteParams, body: LikeForm } }, async (request, reply) => {
    const { id } = request.params;
    const key = likeKey(recogniseVisitor(request, reply), id);
    if (request.body.like === 'on') await reactions.like(id, key);
    else await reactions.unlike(key, id);
    // To the quote's page, relative to this address.
    return reply.header('cache-control', 'no-store').redirect(`../${id}`, 303);
  });
};
