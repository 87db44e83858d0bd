import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import type { SiteResponse } from './fixtures/served.ts';

/** The pages, and a few addresses of each that lists something. */
const PAGES = [
  '/',
  '/quotes',
  '/quotes?search=love&sort=-year',
  '/quotes?page=2',
  '/quotes?search=nobody-says-this',
  '/quotes/1',
  '/films',
  '/films?decade=1980',
  '/films/1',
  '/trending',
  '/about',
];

const site: Site = await startSite(t);

/** Where a page leads: its links, style, script, icon, fonts and pictures; each as a path below the site's root. */
function linksOf(html: string, page: string): string[] {
  const links = [...html.matchAll(/\b(?:href|src)="([^"]*)"/g)].map(([, link]) => link as string);
  return [...new Set(links)].flatMap((link) => {
    const url = new URL(link.replaceAll('&amp;', '&'), `http://localhost${site.root}${page}`);
    t.ok(url.pathname.startsWith(`${site.root}/`), `${page}: ${link} is within the site`);
    return link.startsWith('#') ? [] : [`${url.pathname.slice(site.root.length)}${url.search}`];
  });
}

async function idOf(start: string): Promise<number> {
  const [row] = await site.sql<{ id: number }>('SELECT id FROM quotes WHERE content LIKE ?', [`${start}%`]);
  return row?.id as number;
}

/** Rows of the table of quotes: the words, who says them, the film, the year. */
function rowsOf({ body }: SiteResponse): string[][] {
  const rows = body.match(/<tr role="row" class=.*?<\/tr>/gs) ?? [];
  return rows.map((row) =>
    [...row.matchAll(/<td [^>]*>(.*?)<\/td>/gs)].map(([, cell = '']) => cell.replace(/<[^>]*>/g, '')),
  );
}

t.test('the front page shows a quote with its film, the same one all day', async (t) => {
  const response = await site.request('/');
  t.equal(response.statusCode, 200);
  t.equal(response.headers['content-type'], 'text/html; charset=utf-8');
  t.match(response.body, /^<!doctype html>\n<html lang="en"/);
  t.match(response.body, /<title>“.+” .+ \(\d{4}\)<\/title>/);
  t.match(response.body, /<meta name="viewport"/);
  t.match(response.body, /<blockquote><p>“.+”<\/p><\/blockquote>/);
  t.match(response.body, /<cite class="film">.+<\/cite>/);
  t.match(response.body, new RegExp(`<time class="label" datetime="${new Date().toISOString().slice(0, 10)}">`));
  t.equal((await site.request('/')).body, response.body);
});

t.test('another one is a redirect to the page of a quote', async (t) => {
  const response = await site.request('/quotes/random');
  t.equal(response.statusCode, 302);
  t.equal(response.headers['cache-control'], 'no-store');
  t.match(response.headers.location, /^\d+$/, 'relative, so that it holds under a prefix');
  const page = await site.request(`/quotes/${response.headers.location}`);
  t.equal(page.statusCode, 200);
});

t.test('the page of a quote is typeset, in the colours of its time', async (t) => {
  const dirtyHarry = (await site.request(`/quotes/${await idOf("You've got to ask")}`)).body;
  t.match(dirtyHarry, /“You’ve got to ask yourself one question: ‘Do I feel lucky\?’ Well, do ya, punk\?”/);
  t.match(dirtyHarry, /<html lang="en" class="era-1970">/);
  t.match(dirtyHarry, /<img src="[^"]*\/card.png" width="1200" height="630" loading="lazy"[^>]* alt="[^"]+">/);
  t.match((await site.request(`/quotes/${await idOf('The horror')}`)).body, /“The horror… the horror\.”/);
  const [{ id = 0 } = {}] = await site.sql<{ id: number }>(
    'SELECT quotes.id AS id FROM quotes JOIN films ON films.id = quotes.film_id WHERE films.year >= 2020',
  );
  t.match((await site.request(`/quotes/${id}`)).body, /class="era-2010"/, 'the last era has no end');
});

t.test('all quotes are a table, a page at a time', async (t) => {
  const [{ total = 0 } = {}] = await site.sql<{ total: number }>('SELECT COUNT(*) AS total FROM quotes');
  const first = await site.request('/quotes');
  t.equal(rowsOf(first).length, 25);
  t.match(first.body, `<p class="label found">${total} quotes</p>`);
  t.notMatch(first.body, 'rel="prev"');
  t.match(first.body, /<a id="next"[^>]* href="[^"]*quotes\?page=2">/);
  const second = await site.request('/quotes?page=2');
  t.notSame(rowsOf(second), rowsOf(first));
  t.match(second.body, /<a id="page-2"[^>]* aria-current="page">/);
  const last = await site.request('/quotes?page=1000000');
  t.equal(last.statusCode, 200, 'a page behind the last is the last');
  t.notMatch(last.body, 'rel="next"');
});

t.test('quotes are found by their words, names, films and years, whatever the accents and capitals', async (t) => {
  for (const [search, found] of [
    ['OFFER he can’t', 'I’m gonna make him an offer he can’t refuse.'],
    ['rick casablanca beautiful', 'Louis, I think this is the beginning of a beautiful friendship.'],
    ['psycho 1960', 'A boy’s best friend is his mother.'],
  ]) {
    const page = await site.request(`/quotes?search=${encodeURIComponent(search as string)}`);
    t.match(
      rowsOf(page).map(([words]) => words),
      [`“${found}”`],
      String(search),
    );
  }
  const { statusCode, body } = await site.request('/quotes?search=%3Cb%3E%22%20%25');
  t.equal(statusCode, 200);
  t.match(body, 'Nobody says that in any film');
  t.match(body, 'value="&lt;b&gt;&quot; %"', 'the search stays in its field');
});

t.test('the table is sorted by who speaks, the film or the year, and tells by which', async (t) => {
  const years = rowsOf(await site.request('/quotes?sort=-year')).map((row) => Number(row[3]));
  t.same(
    years,
    years.toSorted((a, b) => b - a),
  );
  const { body } = await site.request('/quotes?search=the&sort=film');
  t.match(body, /<th [^>]*aria-sort="ascending"><a id="sort-film" href="[^"]*quotes\?search=the&amp;sort=-film">/);
  t.equal(body.match(/aria-sort/g)?.length, 1);
  t.match(body, '<input type="hidden" form="search-form" name="sort" value="film">', 'a search keeps it');
});

t.test('what a list cannot be asked for is an error page', async (t) => {
  for (const query of ['sort=rating', 'page=0', 'page=x', 'page=1e99', `search=${'x'.repeat(101)}`]) {
    const { statusCode, body } = await site.request(`/quotes?${query}`);
    t.equal(statusCode, 400, query);
    t.match(body, '<h1>This address cannot be read.</h1>');
  }
  t.equal((await site.request('/quotes?search=&sort=')).statusCode, 200, 'fields that were left empty');
});

t.test('films are found by their decade, and have their quotes', async (t) => {
  const decades = (await site.request('/films')).body;
  t.match(decades, /<li class="era-1980">\s*<a href="[^"]*films\?decade=1980">/);
  const eighties = (await site.request('/films?decade=1980')).body;
  t.match(eighties, /<html lang="en" class="era-1980">/);
  const film = /<span class="year">(\d+)<\/span> <a href="[^"]*(films\/\d+)">Blade Runner<\/a>/.exec(eighties);
  t.equal(film?.[1], '1982');
  const { body } = await site.request(`/${film?.[2]}`);
  t.match(body, /<h1 class="title">Blade Runner/);
  t.match(body, /<a href="[^"]*quotes\/\d+">“All those moments will be lost in time, like tears in rain/);
  const { statusCode, body: none } = await site.request('/films?decade=1890');
  t.equal(statusCode, 200);
  t.match(none, 'There is no film of these years');
});

t.test('the credits say what serves the site', async (t) => {
  const { body, headers } = await site.request('/about');
  const credits = [...body.matchAll(/<dt>(.*?)<\/dt> <dd>(.*?)<\/dd>/g)].map(([, role, name]) => [role, name]);
  const roles = Object.fromEntries(credits);
  t.equal(roles.Projector, `Node.js ${process.versions.node}`);
  t.equal(roles.Archive, site.database.kind === 'sqlite' ? 'SQLite' : 'MariaDB');
  t.match(roles, {
    'Served by': /./,
    Adapter: /./,
    Bind: /./,
    Worker: /./,
    Generation: /\d/,
    Films: /\d/,
    Quotes: /\d/,
  });
  t.equal(headers['cache-control'], 'no-store');
});

t.test('each page says where one is', async (t) => {
  for (const [page, here] of [
    ['/', 'Today'],
    ['/quotes', 'Quotes'],
    ['/quotes/1', 'Quotes'],
    ['/films?decade=1980', 'Films'],
    ['/films/1', 'Films'],
    ['/trending', 'Trending'],
  ]) {
    const { body } = await site.request(page as string);
    t.same(
      [...body.matchAll(/<a href="[^"]*" aria-current="(?:page|true)">(Today|Quotes|Films|Trending)</g)].map(
        ([, text]) => text,
      ),
      [here],
      String(page),
    );
  }
});

t.test('pages need no script, and browsers run none but our own', async (t) => {
  for (const url of [...PAGES, '/nothing']) {
    const { body, headers } = await site.request(url);
    t.notMatch(body, /<script(?! type="module" src="[^"]+"><\/script>)|\son\w+=|style=|javascript:/i, url);
    const policy = String(headers['content-security-policy']);
    t.match(policy, "default-src 'none'");
    t.match(policy, "script-src 'self';");
    t.match(policy, "frame-ancestors 'none'");
    t.notMatch(policy, /unsafe|\*|data:|upgrade-insecure/);
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.equal(headers['referrer-policy'], 'same-origin');
    t.equal(headers['strict-transport-security'], undefined, 'is for whoever ends TLS to say');
  }
});

t.test('pages tell other sites their address, words and picture in full', async (t) => {
  const headers = { host: 'quotes.example.org' };
  const { body } = await site.request({ url: '/quotes/7?from=somewhere', headers });
  const address = `http://quotes.example.org${site.root}/quotes/7`;
  t.match(body, `<link rel="canonical" href="${address}">`);
  t.match(body, `<meta property="og:url" content="${address}">`);
  t.match(body, `<meta property="og:image" content="${address}/card.png">`);
  t.match(body, /<meta property="og:description" content="[^"]+ in [^"]+ \(\d{4}\): “[^"]+”">/);
  t.match(body, '<meta name="twitter:card" content="summary_large_image">');
  t.notMatch((await site.request('/nothing')).body, 'canonical');
});

t.test('pages have a tag to ask again by', async (t) => {
  for (const url of PAGES.filter((url) => url !== '/about')) {
    const { headers } = await site.request(url);
    const again = await site.request({ url, headers: { 'if-none-match': String(headers.etag) } });
    t.equal(again.statusCode, 304, url);
    t.equal(again.body, '');
  }
});

t.test('pages that are the same for everyone may be kept, those with a like of somebody may not', async (t) => {
  for (const url of PAGES) {
    const { headers } = await site.request(url);
    t.equal(headers['set-cookie'], undefined, url);
    const expected = url === '/quotes/1' ? 'private, no-cache' : url === '/about' ? 'no-store' : 'public, max-age=60';
    t.equal(headers['cache-control'], expected, url);
  }
});

t.test('no page asks the database more than three times', async (t) => {
  let asked: string[] = [];
  const count = (message: unknown): void => {
    const { sql } = message as { sql: string };
    // Without what is written and delivered meanwhile.
    if (/^\s*SELECT/.test(sql) && !/outbox|leases/.test(sql)) asked.push(sql);
  };
  subscribe('movie-quotes.query', count);
  t.teardown(() => unsubscribe('movie-quotes.query', count));
  const headers = { cookie: 'mq_visitor=00000000-0000-4000-8000-000000000000' };
  for (const url of [...PAGES, '/feed.xml', '/sitemap.xml', '/sitemap/quotes/1.xml']) {
    asked = [];
    await site.request({ url, headers });
    // What is trending comes from MongoDB where there is one; while nothing is, no quote is asked for.
    const least = url === '/trending' && site.config.mongodb !== null ? 0 : 1;
    t.ok(asked.length >= least && asked.length <= 3, `${url}: ${asked.length}`);
  }
});

t.test('static files have names that change with them, and are kept for ever', async (t) => {
  const files = linksOf((await site.request('/')).body, '/').filter((link) => link.startsWith('/assets/'));
  t.equal(files.length, 6, 'two fonts, two style sheets, the script and the icon');
  for (const file of files) {
    const response = await site.request(file);
    t.equal(response.statusCode, 200, file);
    t.equal(response.headers['cache-control'], 'public, max-age=31536000, immutable');
    const etag = String(response.headers.etag);
    t.equal((await site.request({ url: file, headers: { 'if-none-match': etag } })).statusCode, 304);
  }
  for (const style of files.filter((file) => file.endsWith('.css'))) {
    const css = await site.request(style);
    t.match(css.headers['content-type'], /^text\/css/);
    for (const [, name] of css.body.matchAll(/url\("([^"]+)"\)/g)) {
      const url = new URL(name as string, `http://localhost${style}`).pathname;
      t.equal((await site.request(url)).statusCode, 200, url);
    }
  }
});

t.test('text files are compressed for who takes it', async (t) => {
  const [style = ''] = linksOf((await site.request('/')).body, '/').filter((link) => link.endsWith('/style.css'));
  const plain = await site.request(style);
  t.equal(plain.headers['content-encoding'], undefined);
  t.equal(plain.headers.vary, 'accept-encoding');
  const packed = await site.request({ url: style, headers: { 'accept-encoding': 'br, gzip' } });
  t.equal(packed.headers['content-encoding'], 'gzip');
  t.not(packed.headers.etag, plain.headers.etag);
  t.ok(packed.rawPayload.length < plain.rawPayload.length / 2);
  const refused = await site.request({ url: style, headers: { 'accept-encoding': 'gzip;q=0' } });
  t.equal(refused.headers['content-encoding'], undefined);
});

t.test('pages are compressed for who takes it, and say so to caches', async (t) => {
  for (const url of ['/', '/quotes', '/docs', '/feed.xml']) {
    const packed = await site.request({ url, headers: { 'accept-encoding': 'gzip, br' } });
    t.equal(packed.headers['content-encoding'], 'gzip', url);
    const plain = await site.request(url);
    t.equal(plain.headers['content-encoding'], undefined);
    t.equal(gunzipSync(packed.rawPayload).toString('utf8'), plain.body);
    for (const { headers } of [packed, plain]) t.equal(headers.vary, 'accept-encoding');
    const headers = { 'accept-encoding': 'gzip', 'if-none-match': String(plain.headers.etag) };
    t.equal((await site.request({ url, headers })).statusCode, 304, 'it is the same page');
  }
});

t.test('the file of another version is the one that there is, and not kept', async (t) => {
  for (const name of ['style.css', 'fonts/league-gothic.woff2']) {
    const response = await site.request(`/assets/000000000000/${name}`);
    t.equal(response.statusCode, 200);
    t.equal(response.headers['cache-control'], 'public, max-age=0');
  }
});

t.test('nothing but static files is under the static files', async (t) => {
  for (const path of ['', 'nothing.css', '../app.ts', '..%2fapp.ts', '%2e%2e/app.ts', 'fonts', '.env']) {
    const { statusCode, body } = await site.request(`/assets/x/${path}`);
    t.ok([400, 403, 404].includes(statusCode), `${path}: ${statusCode}`);
    t.notMatch(body, 'createApp');
  }
});

t.test('a page that is not there is a page that says so', async (t) => {
  for (const url of ['/nothing', '/quotes/999999', '/quotes/one', '/quotes/1/2/3?x=/', '/films/999999', '/films/x']) {
    const { statusCode, headers, body } = await site.request(url);
    t.equal(statusCode, 404, url);
    t.equal(headers['content-type'], 'text/html; charset=utf-8');
    t.equal(headers['cache-control'], 'no-store');
    t.equal(headers.etag, undefined);
    t.match(body, '<h1>This page is not in the archive.</h1>');
  }
});

t.test('every link of every page leads somewhere', async (t) => {
  const followed = new Set<string>();
  for (const page of [...PAGES, '/a/b/nothing']) {
    for (const link of linksOf((await site.request(page)).body, page)) {
      // One card is drawn, for it takes a while.
      const seen = link.endsWith('/card.png') ? 'card' : link;
      if (followed.has(seen) || (page !== '/' && link === '/a/b/nothing')) continue;
      followed.add(seen);
      const { statusCode } = await site.request(link);
      t.ok(statusCode === 200 || link === '/quotes/random', `${page}: ${link}: ${statusCode}`);
    }
  }
  t.ok(followed.size > 100);
});

t.test('what the database holds is text on every page, not markup', async (t) => {
  const site = await startSite(t);
  const attack = '<script>alert(1)</script> & "><img src=x>';
  await site.sql('UPDATE quotes SET content = ?, version = version + 1 WHERE id = 1', [attack]);
  await site.sql('UPDATE people SET name = ? WHERE film_id = 1', [attack]);
  await site.sql('UPDATE films SET title = ? WHERE id = 1', [attack]);
  for (const url of ['/quotes/1', '/quotes', '/films/1', '/films?decade=1920']) {
    const { body } = await site.request(url);
    t.notMatch(body, /<script>|<img src=x/, url);
    t.match(body, '&lt;script&gt;', url);
  }
});

t.test('a failure inside is a page that tells nothing of the inside', async (t) => {
  const site = await startSite(t);
  await site.sql('ALTER TABLE quotes RENAME TO elsewhere');
  for (const url of ['/', '/quotes', '/films', '/quotes/1']) {
    const { statusCode, body } = await site.request(url);
    t.equal(statusCode, 500, url);
    t.match(body, '<h1>The reel broke.');
    t.notMatch(body, /no such table|SELECT|\n\s+at /);
  }
});
