// The card of a quote: its words on a picture, for whoever shows a link to its page.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { whileClientWaits } from '../middleware/client-left.ts';
import { answerNotModified } from '../middleware/conditional.ts';
import type { CardService } from '../modules/cards/service.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { typesetQuote } from '../pages/typeset.ts';

export const cardsController: FastifyPluginAsyncTypebox<{ quotes: QuoteService; cards: CardService }> = async (
  app,
  { quotes, cards },
) => {
  app.get('/quotes/:id/card.png', { schema: { params: QuoteParams } }, async (request, reply) => {
    const card = typesetQuote(await quotes.get(request.params.id));
    // Other sites may show it: that is what it is for.
    reply.headers({ 'cache-control': 'public, max-age=3600', 'cross-origin-resource-policy': 'cross-origin' });
    // Known before it is drawn, so that nothing is drawn for who has it.
    if (answerNotModified(request, reply, `"${cards.nameOf(card)}"`)) return reply;
    try {
      const png = await whileClientWaits(request, (signal) => cards.picture(card, signal));
      return reply.type('image/png').send(png);
    } catch (error) {
      reply.removeHeader('etag');
      throw error;
    }
  });
};
