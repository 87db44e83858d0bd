// Reactions for programs: likes and views of a quote, what is trending, and the stream of live reactions.

import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import { problemResponses } from '../middleware/problems.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { type LiveReactions, TooManyListeners } from '../modules/reactions/live.ts';
import {
  ReactionCounts,
  ReactionHeaders,
  ReactionInput,
  StreamHeaders,
  Trending,
  TrendingQuery,
} from '../modules/reactions/schemas.ts';
import type { ReactionService } from '../modules/reactions/service.ts';
import { wrongField } from '../modules/refusal.ts';

// By the second field Nginx passes each event on at once.
const STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };

export interface ReactionsApiOptions {
  readonly reactions: ReactionService;
  readonly quotes: QuoteService;
  readonly live: LiveReactions;
}

export const reactionsApiController: FastifyPluginAsyncTypebox<ReactionsApiOptions> = async (app, options) => {
  const { reactions, quotes, live } = options;
  // Before the server waits for its connections: these would last for ever.
  app.addHook('preClose', async () => live.close());

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  async function countsOf(quoteId: number): Promise<{ quoteId: number; likes?: number; views?: number }> {
    return { quoteId, ...(await reactions.countsOf([quoteId])).get(quoteId) };
  }

  app.get(
    '/quotes/:id/reactions',
    {
      schema: {
        operationId: 'getReactions',
        tags: ['reactions'],
        summary: 'Likes and views of a quote',
        params: QuoteParams,
        response: { 200: ReactionCounts, ...problemResponses },
      },
    },
    async (request) => {
      const { id } = await quotes.get(request.params.id);
      return countsOf(id);
    },
  );

  app.post(
    '/quotes/:id/reactions',
    {
      schema: {
        operationId: 'react',
        tags: ['reactions'],
        summary: 'Like a quote, or take a like back',
        params: QuoteParams,
        headers: ReactionHeaders,
        body: ReactionInput,
        response: { 200: ReactionCounts, ...problemResponses },
      },
    },
    async (request) => {
      const { id } = request.params;
      const given = request.headers['idempotency-key'];
      // Not the form of a visitor's key: a program cannot take the like of a visitor back.
      const key = `key:${given ?? randomUUID()}:${id}`;
      if (request.body.kind === 'like') await reactions.like(id, key);
      else if (given !== undefined) await reactions.unlike(key, id);
      else throw wrongField('headers', 'idempotency-key', 'must be that of the like which is taken back');
      return countsOf(id);
    },
  );

  app.get(
    '/trending',
    {
      schema: {
        operationId: 'listTrending',
        tags: ['reactions'],
        summary: 'Quotes with the most likes and views of the last 7 days',
        querystring: TrendingQuery,
        response: { 200: Trending, ...problemResponses },
      },
    },
    async (request) => {
      const trends = await reactions.trending(request.query.limit);
      const found = new Map(
        (await quotes.some(trends.map(({ quoteId }) => quoteId))).map((quote) => [quote.id, quote]),
      );
      return {
        quotes: trends.flatMap(({ quoteId, ...trend }) => {
          const quote = found.get(quoteId);
          return quote === undefined ? [] : [{ ...quote, ...trend }];
        }),
      };
    },
  );

  app.get(
    '/reactions/stream',
    {
      // By itself it would make a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        operationId: 'streamReactions',
        tags: ['reactions'],
        summary: 'Likes as they are given and taken back, as server-sent events',
        headers: StreamHeaders,
        response: {
          200: {
            description: 'Until either side ends it',
            content: { 'text/event-stream': { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
          },
          ...problemResponses,
        },
      },
    },
    async (request, reply) => {
      const lastId = request.headers['last-event-id'];
      const stream = await live.listen(lastId === undefined ? undefined : Number(lastId));
      if (stream === undefined) throw new TooManyListeners();
      return reply.headers(STREAM).send(stream);
    },
  );

  app.head('/reactions/stream', { schema: { hide: true } }, (_request, reply) => reply.headers(STREAM).send());
};
