// The pages for people. They are the same for everyone, and a proxy may keep them for a minute; but for the page of a quote,
// which shows whether this visitor likes it, and without a script has to show that at once.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Host } from '../host.ts';
import { compressPages } from '../middleware/compress.ts';
import { likeKey, visitorOf } from '../middleware/visitor.ts';
import { FilmParams } from '../modules/films/schemas.ts';
import type { FilmService } from '../modules/films/service.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import type { ReactionService } from '../modules/reactions/service.ts';
import { creditsPage } from '../pages/credits.ts';
import { filmPage, filmsPage } from '../pages/films.ts';
import { quotePage, quotesPage, SORTS, todayPage, trendingPage } from '../pages/quotes.ts';

export interface PagesOptions {
  readonly quotes: QuoteService;
  readonly films: FilmService;
  readonly reactions: ReactionService;
  readonly host: Host;
  /** The product that has the catalogue. */
  readonly database: 'SQLite' | 'MariaDB';
}

const SHARED = 'public, max-age=60';
const QUOTES_ON_A_PAGE = 25;
const FILMS_ON_A_PAGE = 60;
const MOST_TRENDING = 10;
const DAY = 86_400_000;

const Page = Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 });
// Empty ones are what a form sends for a field that was left empty.
const QuotesQuery = Type.Object({
  search: Type.String({ maxLength: 100, default: '' }),
  sort: Type.Enum(['', ...SORTS], { default: '' }),
  page: Page,
});
const FilmsQuery = Type.Object({
  decade: Type.Optional(Type.Integer({ minimum: 1880, maximum: 2100, multipleOf: 10 })),
  page: Page,
});

export const pagesController: FastifyPluginAsyncTypebox<PagesOptions> = async (app, options) => {
  const { quotes, films, reactions, host, database } = options;
  compressPages(app);

  app.get('/', async (_request, reply) => {
    const now = new Date();
    const quote = await quotes.ofTheDay(now);
    const key = `today ${quote.id} ${quote.version} ${Math.floor(now.getTime() / DAY)}`;
    reply.header('cache-control', SHARED);
    return reply.keptView('quote', key, () => todayPage(quote, now));
  });

  app.get('/quotes', { schema: { querystring: QuotesQuery } }, async (request, reply) => {
    const { search, sort, page } = request.query;
    const found = await quotes.page({ search, sort: sort || 'id', page, size: QUOTES_ON_A_PAGE });
    const rows = found.quotes.map(({ id, version }) => `${id}.${version}`);
    const key = `table ${rows.join()} ${found.total} ${page} ${sort} ${search}`;
    reply.header('cache-control', SHARED);
    return reply.keptView('quotes', key, () => quotesPage(found, search.trim(), sort || 'id'));
  });

  app.get('/quotes/random', async (_request, reply) => {
    const quote = await quotes.random();
    // Relative, so that it holds under whatever prefix the application is mounted.
    return reply.header('cache-control', 'no-store').redirect(`${quote.id}`, 302);
  });

  app.get('/quotes/:id', { schema: { params: QuoteParams } }, async (request, reply) => {
    const { id } = request.params;
    const visitor = visitorOf(request);
    const [quote, counts, liked] = await Promise.all([
      quotes.get(id),
      reactions.countsOf([id]),
      visitor !== null && reactions.liked(likeKey(visitor, id)),
    ]);
    if (isView(request)) reactions.view(id);
    reply.header('cache-control', 'private, no-cache');
    const known = counts.get(id);
    const key = `${id} ${quote.version} ${known?.likes} ${known?.views} ${liked}`;
    return reply.keptView('quote', key, () => quotePage(quote, known, liked));
  });

  app.get('/films', { schema: { querystring: FilmsQuery } }, async (request, reply) => {
    const { decade, page } = request.query;
    const decades = await films.decades();
    const shown =
      decade === undefined ? [] : await films.ofDecade(decade, (page - 1) * FILMS_ON_A_PAGE, FILMS_ON_A_PAGE);
    reply.header('cache-control', SHARED);
    return reply.view('films', filmsPage(decades, decade, shown, page, FILMS_ON_A_PAGE));
  });

  app.get('/films/:id', { schema: { params: FilmParams } }, async (request, reply) => {
    const film = await films.get(request.params.id);
    const counts = await reactions.countsOf(film.quotes.map(({ id }) => id));
    return reply.header('cache-control', SHARED).view('film', filmPage(film, counts));
  });

  app.get('/trending', async (_request, reply) => {
    const trends = await reactions.trending(MOST_TRENDING);
    const found = await quotes.some(trends.map(({ quoteId }) => quoteId));
    return reply.header('cache-control', SHARED).view('trending', trendingPage(trends, found));
  });

  app.get('/about', async (_request, reply) => {
    const decades = await films.decades();
    reply.header('cache-control', 'no-store');
    return reply.view('credits', creditsPage({ host, database, reactions: reactions.state, decades }));
  });
};

/**
 * Whether somebody looks at the page now: not a browser that fetches it in case it is wanted, and not the same page again,
 * after a like or by a reload (then it is its own referrer).
 */
function isView({ method, headers, url }: FastifyRequest): boolean {
  if (method !== 'GET' || headers['sec-purpose'] !== undefined) return false;
  const { referer } = headers;
  return referer === undefined || !referer.endsWith(url);
}
