import { createApp } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { configIn, serve, startSite, temporaryFolder } from './fixtures/movie-quotes.ts';

const ATTRIBUTE = /\b(?:href|src|action)="([^"]*)"/g;

/** Where a page leads: its links, style, icon and fonts. */
function linksOf(html: string): string[] {
  return [...html.matchAll(ATTRIBUTE)].map(([, link]) => link as string);
}

t.test('the front page shows a quote with its film, the same one all day', async (t) => {
  const site = await startSite(t);
  const response = await site.request('/');
  t.equal(response.statusCode, 200);
  t.equal(response.headers['content-type'], 'text/html; charset=utf-8');
  t.match(response.body, /^<!doctype html>\n<html lang="en"/);
  t.match(response.body, /<title>“.+” .+ \(\d{4}\)<\/title>/);
  t.match(response.body, /<meta name="viewport"/);
  t.match(response.body, /<blockquote><p>“.+”<\/p><\/blockquote>/);
  t.match(response.body, /<cite class="film">.+<\/cite>/);
  t.match(response.body, new RegExp(`<time datetime="${new Date().toISOString().slice(0, 10)}">`));
  t.equal((await site.request('/')).body, response.body);
});

t.test('another one is a redirect to the page of a quote', async (t) => {
  const site = await startSite(t);
  const response = await site.request('/quotes/random');
  t.equal(response.statusCode, 302);
  t.equal(response.headers['cache-control'], 'no-store');
  t.match(response.headers.location, /^\d+$/, 'relative, so that it holds under a prefix');
  const page = await site.request(`/quotes/${response.headers.location}`);
  t.equal(page.statusCode, 200);
});

t.test('the page of a quote is typeset, in the colours of its time', async (t) => {
  const site = await startSite(t);
  const idOf = async (start: string) =>
    (await site.sql<{ id: number }>('SELECT id FROM quotes WHERE content LIKE ?', [`${start}%`]))[0]?.id;
  const dirtyHarry = (await site.request(`/quotes/${await idOf("You've got to ask")}`)).body;
  t.match(dirtyHarry, /“You’ve got to ask yourself one question: ‘Do I feel lucky\?’ Well, do ya, punk\?”/);
  t.match(dirtyHarry, /<html lang="en" class="era-1970">/);
  t.match((await site.request(`/quotes/${await idOf('The horror')}`)).body, /“The horror… the horror\.”/);
  t.match(
    (await site.request(`/quotes/${await idOf('Now I am become')}`)).body,
    /class="era-2010"/,
    'the last era has no end',
  );
});

t.test('what the database holds is text on the page, not markup', async (t) => {
  const site = await startSite(t);
  const attack = '<script>alert(1)</script> & "><img src=x>';
  await site.sql('UPDATE quotes SET content = ? WHERE id = 1', [attack]);
  await site.sql('UPDATE people SET name = ? WHERE film_id = 1', [attack]);
  await site.sql('UPDATE films SET title = ? WHERE id = 1', [attack]);
  const { body } = await site.request('/quotes/1');
  t.notMatch(body, /<script|<img/);
  t.match(body, '&lt;script&gt;');
});

t.test('pages need no script, and browsers are told to run none', async (t) => {
  const site = await startSite(t);
  for (const url of ['/', '/quotes/1', '/nothing']) {
    const { body, headers } = await site.request(url);
    t.notMatch(body, /<script|\son\w+=|style=|javascript:/i, url);
    const policy = String(headers['content-security-policy']);
    t.match(policy, "default-src 'none'");
    t.match(policy, "frame-ancestors 'none'");
    t.notMatch(policy, /unsafe|\*|upgrade-insecure/);
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.equal(headers['referrer-policy'], 'same-origin');
    t.equal(headers['strict-transport-security'], undefined, 'is for whoever ends TLS to say');
  }
});

t.test('pages have a tag to ask again by', async (t) => {
  const site = await startSite(t);
  const { headers } = await site.request('/');
  t.match(headers['cache-control'], /max-age=60/);
  const again = await site.request({ url: '/', headers: { 'if-none-match': String(headers.etag) } });
  t.equal(again.statusCode, 304);
  t.equal(again.body, '');
});

t.test('static files have names that change with them, and are kept for ever', async (t) => {
  const site = await startSite(t);
  const files = linksOf((await site.request('/')).body).filter((link) => link.includes('assets/'));
  t.equal(files.length, 3);
  for (const file of files) {
    const response = await site.request(file.slice(1));
    t.equal(response.statusCode, 200, file);
    t.equal(response.headers['cache-control'], 'public, max-age=31536000, immutable');
    const etag = String(response.headers.etag);
    t.equal((await site.request({ url: file.slice(1), headers: { 'if-none-match': etag } })).statusCode, 304);
  }
  const style = files.find((file) => file.endsWith('.css'))?.slice(1) as string;
  const css = await site.request(style);
  t.match(css.headers['content-type'], /^text\/css/);
  for (const [, name] of css.body.matchAll(/url\("([^"]+)"\)/g)) {
    const url = new URL(name as string, `http://localhost${style}`).pathname;
    t.equal((await site.request(url)).statusCode, 200, url);
  }
});

t.test('the file of another version is the one that there is, and not kept', async (t) => {
  const site = await startSite(t);
  const response = await site.request('/assets/000000000000/style.css');
  t.equal(response.statusCode, 200);
  t.equal(response.headers['cache-control'], 'public, max-age=0');
});

t.test('nothing but static files is under the static files', async (t) => {
  const site = await startSite(t);
  for (const path of ['', 'nothing.css', '../app.ts', '..%2fapp.ts', '%2e%2e/app.ts', 'fonts', '.env']) {
    const { statusCode, body } = await site.request(`/assets/x/${path}`);
    t.ok([400, 403, 404].includes(statusCode), `${path}: ${statusCode}`);
    t.notMatch(body, 'createApp');
  }
});

t.test('a page that is not there is a page that says so', async (t) => {
  const site = await startSite(t);
  for (const url of ['/nothing', '/quotes/999999', '/quotes/one', '/quotes/1/2/3?x=/']) {
    const { statusCode, headers, body } = await site.request(url);
    t.equal(statusCode, 404, url);
    t.equal(headers['content-type'], 'text/html; charset=utf-8');
    t.equal(headers['cache-control'], 'no-store');
    t.equal(headers.etag, undefined);
    t.match(body, '<h1>This page is not in the archive.</h1>');
  }
});

t.test('a failure inside is a page that tells nothing of the inside', async (t) => {
  const site = await startSite(t);
  await site.sql('DROP TABLE quotes');
  const { statusCode, body } = await site.request('/');
  t.equal(statusCode, 500);
  t.match(body, '<h1>The reel broke.');
  t.notMatch(body, /no such table|SELECT|\n\s+at /);
});

t.test('every link leads somewhere, at the root and under a mount', async (t) => {
  const environment = { TSGI_BIND: '127.0.0.1:0', TSGI_MOUNT_PATH: '/cinema/tonight', LOG_LEVEL: 'silent' };
  const { location } = await serve(t, temporaryFolder(t), environment);
  const app = createApp({ config: configIn(temporaryFolder(t)) });
  t.teardown(() => app.close());
  const address = await app.listen({ port: 0, host: '127.0.0.1' });

  const mounted = `${location}/cinema/tonight`;
  for (const start of [address, mounted, `${mounted}/`, `${mounted}/quotes/5`, `${mounted}/a/b/c`]) {
    const page = await fetch(start);
    const links = linksOf(await page.text());
    t.ok(links.length >= 5, start);
    for (const link of links) {
      const url = new URL(link, page.url);
      const followed = await fetch(url);
      await followed.arrayBuffer();
      t.equal(followed.status, 200, `${start}: ${link}`);
    }
  }
});
