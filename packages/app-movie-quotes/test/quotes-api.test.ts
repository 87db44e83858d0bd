// A quote over the API: any one, and one by its id.

import t from 'tap';
import { startSite } from './fixtures/movie-quotes.ts';

// One that is read, and one whose catalogue gets smaller from test to test, until there is none.
const site = await startSite(t);
const shrinking = await startSite(t);

t.test('a random quote has its film, year, content and speaker', async (t) => {
  const response = await site.request('/api/v1/quotes/random');
  t.equal(response.statusCode, 200);
  t.equal(response.headers['content-type'], 'application/json; charset=utf-8');
  t.equal(response.headers['cache-control'], 'no-store', 'a proxy must not make it the same for everyone');
  t.match(response.json(), { id: Number, film: /./, year: Number, content: /./, speaker: /./ });
});

t.test('a quote is answered by its id, with a tag to ask again by', async (t) => {
  const first = await site.request('/api/v1/quotes/1');
  t.equal(first.statusCode, 200);
  t.match(first.json(), { id: 1, film: 'The Jazz Singer', year: 1927, speaker: 'Jack Robin' });
  t.match(first.headers['cache-control'], /max-age/);
  const etag = String(first.headers.etag);
  const strong = etag.replace('W/', '');
  for (const field of [etag, strong, '*', `"other", ${etag}`]) {
    const again = await site.request({ url: '/api/v1/quotes/1', headers: { 'if-none-match': field } });
    t.equal(again.statusCode, 304, field);
    t.equal(again.body, '');
    t.equal(again.headers.etag, etag);
  }
  for (const field of ['"other"', 'W/"other"', '']) {
    const again = await site.request({ url: '/api/v1/quotes/1', headers: { 'if-none-match': field } });
    t.equal(again.statusCode, 200, field);
  }
});

t.test('HEAD is answered like GET without the body', async (t) => {
  const get = await site.request('/api/v1/quotes/1');
  const head = await site.request({ method: 'HEAD', url: '/api/v1/quotes/1' });
  t.equal(head.statusCode, 200);
  t.equal(head.body, '');
  t.equal(head.headers['content-length'], get.headers['content-length']);
  t.equal(head.headers.etag, get.headers.etag);
});

t.test('what cannot be answered is application/problem+json', async (t) => {
  const cases: [method: 'GET' | 'DELETE', url: string, status: number, body: object][] = [
    ['GET', '/api/v1/quotes/999999', 404, { title: 'Not Found', detail: 'there is no quote 999999' }],
    ['GET', '/api/v1/nothing', 404, { title: 'Not Found', detail: 'there is no GET /api/v1/nothing' }],
    ['GET', '/api', 404, { title: 'Not Found' }],
    ['DELETE', '/api/v1/quotes/1', 403, { detail: 'changes are off: no API_TOKEN is set' }],
    ['GET', '/api/v1/quotes/one', 400, { title: 'Bad Request', errors: [{ in: 'params', field: 'id' }] }],
    ['GET', '/api/v1/quotes/0', 400, { errors: [{ in: 'params', field: 'id', message: 'must be >= 1' }] }],
    ['GET', '/api/v1/quotes/1.5', 400, { errors: [{ in: 'params', field: 'id' }] }],
    ['GET', '/api/v1/quotes/99999999999999999999', 400, { errors: [{ in: 'params', field: 'id' }] }],
    ['GET', '/api/v1/quotes/%zz', 400, { title: 'Bad Request' }],
    ['GET', `/api/v1/quotes/${'9'.repeat(500)}`, 414, {}],
  ];
  for (const [method, url, status, body] of cases) {
    const response = await site.request({ method, url });
    t.equal(response.statusCode, status, `${method} ${url.slice(0, 60)}`);
    t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8');
    t.equal(response.headers['cache-control'], 'no-store');
    t.match(response.json(), { type: 'about:blank', status, ...body });
  }
});

t.test('random quotes are taken from the whole catalogue', async (t) => {
  // Few enough to be asked for often enough.
  await shrinking.sql('DELETE FROM quotes WHERE id > 20');
  const last = 20;
  const ids = new Set<number>();
  // 15 times as many as there are quotes: that any given one is missing has a chance of e^-15.
  for (let i = 0; i < last * 15; i++) ids.add((await shrinking.request('/api/v1/quotes/random')).json().id);
  t.equal(Math.min(...ids), 1);
  t.equal(Math.max(...ids), last);
  t.ok(ids.size > last * 0.98, `${ids.size} different ones of ${last}`);
});

t.test('a random quote is found although others were deleted', async (t) => {
  await shrinking.sql('DELETE FROM quotes WHERE id NOT IN (7, 11)');
  for (let i = 0; i < 50; i++) {
    t.ok([7, 11].includes((await shrinking.request('/api/v1/quotes/random')).json().id));
  }
});

t.test('an empty catalogue is 404', async (t) => {
  await shrinking.sql('DELETE FROM quotes');
  const response = await shrinking.request('/api/v1/quotes/random');
  t.equal(response.statusCode, 404);
  t.match(response.json(), { status: 404, detail: 'the catalogue is empty' });
});

t.test('a failure inside is 500 and tells the client nothing of the inside', async (t) => {
  await shrinking.sql('DROP TABLE quotes');
  for (const url of ['/api/v1/quotes/random', '/api/v1/quotes/1']) {
    const response = await shrinking.request(url);
    t.equal(response.statusCode, 500);
    t.strictSame(response.json(), { type: 'about:blank', title: 'Internal Server Error', status: 500 });
  }
});
