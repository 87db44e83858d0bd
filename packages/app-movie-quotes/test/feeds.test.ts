import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';

const headers = { host: 'quotes.example.org' };
const site: Site = await startSite(t);
const root = `http://quotes.example.org${site.root}/`;

const get = (url: string) => site.request({ url, headers });
const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found]) => found as string);

t.test('the feed has the quotes of the last days, the newest first', async (t) => {
  const { statusCode, headers, body } = await get('/feed.xml');
  t.equal(statusCode, 200);
  t.equal(headers['content-type'], 'application/atom+xml; charset=utf-8');
  const days = all(body, /<entry>\n<id>tag:quotes\.example\.org,([-\d]+):quote-of-the-day<\/id>/g);
  t.equal(days.length, 10);
  t.same(days, days.toSorted().toReversed());
  t.equal(days[0], new Date().toISOString().slice(0, 10));
  t.equal(all(body, /<updated>(.*?)<\/updated>/g)[0], `${days[0]}T00:00:00.000Z`);
  t.match(body, `<link rel="self" type="application/atom+xml" href="${root}feed.xml"/>`);

  const today = /<blockquote><p>(.*?)<\/p>/.exec((await get('/')).body)?.[1] as string;
  t.equal(all(body, /<title>(“.*?”)<\/title>/g)[0], today, 'the first one is that of the front page');
  for (const link of all(body, /<link rel="alternate" type="text\/html" href="([^"]+)"\/>\n<content/g)) {
    t.ok(link.startsWith(root));
    t.equal((await get(`/${link.slice(root.length)}`)).statusCode, 200, link);
  }
});

t.test('the feed is XML whatever the quotes are', async (t) => {
  const site = await startSite(t);
  await site.sql('DELETE FROM quotes WHERE id > 1');
  await site.sql('UPDATE quotes SET content = ? WHERE id = 1', ['</p> & <b> ]]> "quoted"']);
  const { body } = await site.request('/feed.xml');
  t.match(body, '&lt;/p&gt; &amp; &lt;b&gt; ]]&gt;');
  t.equal(all(body, /(<entry>)/g).length, 10);
  await site.sql('DELETE FROM quotes');
  const { statusCode, body: empty } = await site.request('/feed.xml');
  t.equal(statusCode, 200, 'without quotes it is empty');
  t.notMatch(empty, '<entry>');
});

t.test('crawlers are told where not to go, and where everything is', async (t) => {
  const { headers, body } = await get('/robots.txt');
  t.equal(headers['content-type'], 'text/plain; charset=utf-8');
  t.match(body, /^User-agent: \*\n/);
  t.match(body, `\nDisallow: ${site.root}/quotes/random\n`);
  t.match(body, `\nSitemap: ${root}sitemap.xml\n`);
});

t.test('the sitemaps name every page, quote and film once', async (t) => {
  const { headers, body } = await get('/sitemap.xml');
  t.equal(headers['content-type'], 'application/xml; charset=utf-8');
  const pages: string[] = [];
  for (const part of all(body, /<sitemap><loc>(.*?)<\/loc>/g)) {
    t.ok(part.startsWith(root));
    pages.push(...all((await get(`/${part.slice(root.length)}`)).body, /<url><loc>(.*?)<\/loc>/g));
  }
  const [{ quotes = 0, films = 0 } = {}] = await site.sql<{ quotes: number; films: number }>(
    'SELECT (SELECT COUNT(*) FROM quotes) AS quotes, (SELECT COUNT(*) FROM films) AS films',
  );
  t.equal(new Set(pages).size, pages.length);
  t.equal(pages.filter((page) => page.includes('/quotes/')).length, quotes);
  t.equal(pages.filter((page) => page.includes('/films/')).length, films);
  for (const page of pages.filter((page) => !/\d$/.test(page))) {
    t.equal((await get(`/${page.slice(root.length)}`)).statusCode, 200, page);
  }
  for (const url of [
    '/sitemap/quotes/2.xml',
    '/sitemap/quotes/0.xml',
    '/sitemap/people/1.xml',
    '/sitemap/quotes/x.xml',
  ]) {
    t.equal((await get(url)).statusCode, 404, url);
  }
});

t.test('feeds say the public address where there is one', async (t) => {
  const site = await startSite(t, { PUBLIC_URL: 'https://quotes.example.com/cinema/' });
  const get = async (url: string) => (await site.request({ url, headers })).body;
  t.match(await get('/feed.xml'), '<link rel="alternate" type="text/html" href="https://quotes.example.com/cinema/"/>');
  t.match(await get('/sitemap.xml'), '<loc>https://quotes.example.com/cinema/sitemap/pages.xml</loc>');
  t.match(await get('/robots.txt'), 'Disallow: /cinema/quotes/random');
  t.match(await get('/quotes/1'), '<link rel="canonical" href="https://quotes.example.com/cinema/quotes/1">');
});
