// The quotes as JSON, and their changes by who has the token.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { requireToken, type ShowsToken } from '../middleware/api-token.ts';
import {
  addEntityTags,
  answerNotModified,
  expectedVersions,
  notModified,
  versionTag,
} from '../middleware/conditional.ts';
import { Problem, problemResponses } from '../middleware/problems.ts';
import { Quote, QuoteInput, QuoteList, QuoteListQuery, QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';

export interface QuotesApiOptions {
  readonly quotes: QuoteService;
  /** Null where nobody may change anything. */
  readonly apiToken: string | null;
  readonly showsToken: ShowsToken;
}

const TAGS = ['quotes'];
/** An answer that anybody may keep for a while. */
const KEPT = 'public, max-age=60';
/** Larger than any quote, whatever its characters are. */
const BODY_LIMIT = 16_384;
const ACTOR = 'api';

export const quotesApiController: FastifyPluginAsyncTypebox<QuotesApiOptions> = async (
  app,
  { quotes, apiToken, showsToken },
) => {
  app.get(
    '/random',
    {
      schema: {
        operationId: 'getRandomQuote',
        summary: 'Any quote',
        description: 'Each quote is as likely as the others. No two answers are the same on purpose, so none is kept.',
        tags: TAGS,
        response: { 200: Quote, 404: { ...Problem, description: 'The catalogue is empty' }, ...problemResponses },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return quotes.random();
    },
  );

  app.get(
    '/:id',
    {
      schema: {
        operationId: 'getQuote',
        summary: 'A quote',
        description: 'Its `ETag` is for `If-None-Match`, and for `If-Match` of a change.',
        tags: TAGS,
        params: QuoteParams,
        response: { 200: Quote, ...notModified, ...problemResponses },
      },
    },
    async (request, reply) => {
      const quote = await quotes.get(request.params.id);
      reply.header('cache-control', KEPT);
      return answerNotModified(request, reply, versionTag(quote)) ? reply : quote;
    },
  );

  // In a scope of its own: the others have tags of versions, or none.
  await app.register((async (app) => {
    addEntityTags(app);
    app.get(
      '',
      {
        schema: {
          operationId: 'listQuotes',
          summary: 'Quotes, searched and sorted, a page at a time',
          tags: TAGS,
          querystring: QuoteListQuery,
          response: { 200: QuoteList, ...notModified, ...problemResponses },
        },
      },
      async (request, reply) => {
        const { quotes: found, next } = await quotes.list(request.query);
        reply.header('cache-control', KEPT);
        return { quotes: [...found], next };
      },
    );
  }) satisfies FastifyPluginAsyncTypebox);

  await app.register((async (app) => {
    // After the limits of rate, which are on the routes' onRequest: who guesses at the token is counted.
    app.addHook('preParsing', requireToken(apiToken, showsToken));
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    const security = [{ token: [] }];

    app.post(
      '',
      {
        bodyLimit: BODY_LIMIT,
        schema: {
          operationId: 'createQuote',
          summary: 'Add a quote',
          description: 'Its film and its speaker are found by their names, or made. `Location` is where the quote is.',
          tags: TAGS,
          security,
          body: QuoteInput,
          response: {
            201: { ...Quote, description: 'The new quote' },
            409: { ...Problem, description: 'The film has this quote already' },
            ...problemResponses,
          },
        },
      },
      async (request, reply) => {
        const quote = await quotes.create(request.body, ACTOR);
        reply.code(201).header('etag', versionTag(quote));
        // Relative to the address of this request, so that it holds under whatever prefix the application is mounted.
        reply.header('location', `quotes/${quote.id}`);
        return quote;
      },
    );

    app.put(
      '/:id',
      {
        bodyLimit: BODY_LIMIT,
        schema: {
          operationId: 'replaceQuote',
          summary: 'Replace all of a quote',
          description: 'With `If-Match` only where the quote is still the one of that `ETag`.',
          tags: TAGS,
          security,
          params: QuoteParams,
          body: QuoteInput,
          response: {
            200: { ...Quote, description: 'The quote as it is now' },
            409: { ...Problem, description: 'The film has this quote already' },
            412: { ...Problem, description: 'The quote was changed meanwhile' },
            ...problemResponses,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const quote = await quotes.replace(id, request.body, ACTOR, expectedVersions(request, id));
        reply.header('etag', versionTag(quote));
        return quote;
      },
    );

    app.delete(
      '/:id',
      {
        schema: {
          operationId: 'deleteQuote',
          summary: 'Delete a quote',
          description:
            'A film goes with its last quote. With `If-Match` only where the quote is still the one of that `ETag`.',
          tags: TAGS,
          security,
          params: QuoteParams,
          response: {
            204: Type.Null({ description: 'It is gone' }),
            412: { ...Problem, description: 'The quote was changed meanwhile' },
            ...problemResponses,
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        await quotes.remove(id, ACTOR, expectedVersions(request, id));
        return reply.code(204).send(null);
      },
    );
  }) satisfies FastifyPluginAsyncTypebox);
};
