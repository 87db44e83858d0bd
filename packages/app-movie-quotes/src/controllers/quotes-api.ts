// The quotes for programs: /api/v1/quotes.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { addEntityTags } from '../middleware/conditional.ts';
import { problemResponses } from '../middleware/problems.ts';
import { Quote, QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';

export const quotesApiController: FastifyPluginAsyncTypebox<{ quotes: QuoteService }> = async (app, { quotes }) => {
  app.get('/random', { schema: { response: { 200: Quote, ...problemResponses } } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return quotes.random();
  });

  // In a scope of its own, so that the tags cost nothing where an answer is never the same twice.
  await app.register((async (app) => {
    addEntityTags(app);

    app.get(
      '/:id',
      { schema: { params: QuoteParams, response: { 200: Quote, ...problemResponses } } },
      async (request, reply) => {
        const quote = await quotes.get(request.params.id);
        reply.header('cache-control', 'public, max-age=300');
        return quote;
      },
    );
  }) satisfies FastifyPluginAsyncTypebox);
};
