// The pages for people: the quote of the day, any other quote, and what is shown when something went wrong.

import { STATUS_CODES } from 'node:http';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { addEntityTags } from '../middleware/conditional.ts';
import { logError, statusOf } from '../middleware/problems.ts';
import { addSecurityHeaders } from '../middleware/security-headers.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { addAssets } from '../pages/assets.ts';
import { quotePage } from '../pages/quote-page.ts';
import { addViews } from '../pages/views.ts';

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'This address cannot be read.',
  404: 'This page is not in the archive.',
  503: 'The house is full. Try again in a moment.',
};

export const pagesController: FastifyPluginAsyncTypebox<{ quotes: QuoteService }> = async (app, { quotes }) => {
  addSecurityHeaders(app);
  const assets = await addAssets(app);
  await addViews(app, assets);
  addEntityTags(app);

  app.get('/', async (_request, reply) => {
    const now = new Date();
    const quote = await quotes.ofTheDay(now);
    reply.header('cache-control', 'public, max-age=60');
    return reply.view('quote', quotePage(quote, now));
  });

  app.get('/quotes/random', async (_request, reply) => {
    const quote = await quotes.random();
    // Relative, so that it holds under whatever prefix the application is mounted.
    return reply.header('cache-control', 'no-store').redirect(`${quote.id}`, 302);
  });

  app.get('/quotes/:id', { schema: { params: QuoteParams } }, async (request, reply) => {
    const quote = await quotes.get(request.params.id);
    reply.header('cache-control', 'public, max-age=300');
    return reply.view('quote', quotePage(quote));
  });

  app.setNotFoundHandler((_request, reply) => sendError(reply, 404));
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply) => {
    const status = statusOf(error);
    logError(error, status, request);
    // A path that does not name anything possible names nothing: /quotes/abc is a wrong link.
    return sendError(reply, error.validationContext === 'params' ? 404 : status);
  });

  function sendError(reply: FastifyReply, status: number): FastifyReply {
    reply.code(status).header('cache-control', 'no-store');
    const message = MESSAGES[status] ?? 'The reel broke. It is written down, and somebody will look at it.';
    return reply.view('error', { status, name: STATUS_CODES[status] ?? 'Error', message });
  }
};
