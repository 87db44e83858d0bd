// The catalogue, for who is signed in: find a quote, write one, change one, delete one.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { goTo } from '../middleware/admin-session.ts';
import { readQuoteForm, versionOf } from '../modules/admin/quote-form.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { Refusal } from '../modules/refusal.ts';
import { adminQuotesPage, quoteFormPage } from '../pages/admin.ts';
import { actorOf, show } from './admin-page.ts';

const QUOTES_ON_A_PAGE = 50;

const ListQuery = Type.Object({
  search: Type.String({ maxLength: 100, default: '' }),
  page: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }),
});
const params = { schema: { params: QuoteParams } };

export const adminQuotesController: FastifyPluginAsyncTypebox<{ quotes: QuoteService }> = async (app, { quotes }) => {
  app.get('/', { schema: { querystring: ListQuery } }, async (request, reply) => {
    const { search, page } = request.query;
    const found = await quotes.page({ search, page, size: QUOTES_ON_A_PAGE });
    return show(request, reply, 'quotes', 'admin', adminQuotesPage(found, search.trim()));
  });

  app.get('/quotes/new', async (request, reply) =>
    show(request, reply, 'quote-form', 'admin/quotes/new', quoteFormPage(null)),
  );

  app.post('/quotes', async (request, reply) => {
    const { fields, wrong, input } = readQuoteForm(request.body);
    const again = (problems: typeof wrong) =>
      show(
        request,
        reply.code(422),
        'quote-form',
        'admin/quotes/new',
        quoteFormPage(null, { fields, wrong: problems }),
      );
    if (input === null) return again(wrong);
    try {
      const { id } = await quotes.create(input, actorOf(request));
      return goTo(request, reply, `admin/quotes/${id}`, 'The quote was added.');
    } catch (error) {
      return again(wrongFieldOf(error));
    }
  });

  app.get('/quotes/:id', params, async (request, reply) => {
    const quote = await quotes.get(request.params.id);
    return show(request, reply, 'quote-form', 'admin', quoteFormPage(quote));
  });

  app.post('/quotes/:id', params, async (request, reply) => {
    const { id } = request.params;
    const { fields, wrong, input } = readQuoteForm(request.body);
    const version = versionOf(request.body);
    const again = async (status: number, problems: typeof wrong) => {
      const now = await quotes.get(id);
      const changed = now.version === version ? {} : { now };
      const page = quoteFormPage(now, { fields, wrong: problems, ...changed });
      return show(request, reply.code(status), 'quote-form', 'admin', page);
    };
    if (input === null) return again(422, wrong);
    try {
      await quotes.replace(id, input, actorOf(request), version);
      return goTo(request, reply, `admin/quotes/${id}`, 'The quote was saved.');
    } catch (error) {
      if (isConflict(error)) return again(412, {});
      return again(422, wrongFieldOf(error));
    }
  });

  app.get('/quotes/:id/delete', params, async (request, reply) => {
    const quote = await quotes.get(request.params.id);
    return show(request, reply, 'delete', 'admin', { quote, conflict: false });
  });

  app.post('/quotes/:id/delete', params, async (request, reply) => {
    const { id } = request.params;
    try {
      await quotes.remove(id, actorOf(request), versionOf(request.body));
    } catch (error) {
      if (!isConflict(error)) throw error;
      return show(request, reply.code(412), 'delete', 'admin', { quote: await quotes.get(id), conflict: true });
    }
    return goTo(request, reply, 'admin/audit', 'The quote was deleted. Here it can be brought back.');
  });
};

function isConflict(error: unknown): boolean {
  return error instanceof Refusal && error.statusCode === 412;
}

/** What the catalogue refuses for a field; any other error is none of the form's. */
function wrongFieldOf(error: unknown): { content: string } {
  if (error instanceof Refusal && error.statusCode === 409) return { content: 'The film has this quote already.' };
  throw error;
}
