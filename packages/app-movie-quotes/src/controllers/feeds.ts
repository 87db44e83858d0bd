// For feed readers and search engines: the quotes of the last days as an Atom feed (RFC 4287), robots.txt (RFC 9309), and
// sitemaps with all pages (sitemaps.org), in parts under one index.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { compressPages } from '../middleware/compress.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { NotFound } from '../modules/refusal.ts';
import type { SitemapStore } from '../modules/sitemap/store.ts';
import { typesetQuote } from '../pages/typeset.ts';

export interface FeedsOptions {
  readonly quotes: QuoteService;
  readonly sitemap: SitemapStore;
}

const DAYS = 10;
const DAY = 86_400_000;
const KEPT = 'public, max-age=300';
/** The pages that are always there. */
const PAGES = ['', 'quotes', 'films', 'trending', 'about', 'docs'];
/** Where a crawler finds nothing, or never an end. */
const DISALLOWED = ['quotes/random', 'admin', 'api/'];

const PartParams = Type.Object({
  kind: Type.Enum(['quotes', 'films']),
  part: Type.Integer({ minimum: 1, maximum: 300_000 }),
});

export const feedsController: FastifyPluginAsyncTypebox<FeedsOptions> = async (app, { quotes, sitemap }) => {
  compressPages(app);

  app.get('/feed.xml', async (_request, reply) => {
    const today = Math.floor(Date.now() / DAY);
    const days = Array.from({ length: DAYS }, (_, ago) => new Date((today - ago) * DAY));
    const found = await quotes.ofDays(days);
    const { site } = reply.locals;
    reply.header('cache-control', KEPT);
    const feed = {
      // What an entry is called for ever, also when the site moves to another path (RFC 4151).
      tag: `tag:${new URL(site).hostname},`,
      updated: days[0]?.toISOString(),
      entries: found.map(({ day, quote }) => ({ day: day.toISOString(), quote: typesetQuote(quote) })),
    };
    return reply.view('feed', feed, 'application/atom+xml');
  });

  app.get('/robots.txt', async (_request, reply) => {
    const { site } = reply.locals;
    const { pathname } = new URL(site);
    const rules = DISALLOWED.map((path) => `Disallow: ${pathname}${path}\n`).join('');
    reply.header('cache-control', KEPT).type('text/plain; charset=utf-8');
    return reply.send(`User-agent: *\n${rules}\nSitemap: ${site}sitemap.xml\n`);
  });

  app.get('/sitemap.xml', async (_request, reply) => {
    const parts = await sitemap.parts();
    const paths = (['quotes', 'films'] as const).flatMap((kind) =>
      Array.from({ length: parts[kind] }, (_, index) => `sitemap/${kind}/${index + 1}.xml`),
    );
    reply.header('cache-control', KEPT);
    return reply.view('sitemap-index', { paths: ['sitemap/pages.xml', ...paths] }, 'application/xml');
  });

  app.get('/sitemap/pages.xml', async (_request, reply) => {
    reply.header('cache-control', KEPT);
    return reply.view('sitemap', { paths: PAGES }, 'application/xml');
  });

  app.get('/sitemap/:kind/:part.xml', { schema: { params: PartParams } }, async (request, reply) => {
    const { kind, part } = request.params;
    const ids = await sitemap.idsOf(kind, part);
    if (ids.length === 0) throw new NotFound(`there is no part ${part} of the sitemap of ${kind}`);
    reply.header('cache-control', KEPT);
    return reply.view('sitemap', { paths: ids.map((id) => `${kind}/${id}`) }, 'application/xml');
  });
};
