// The card of a quote as it is served, and the long task beside it.

import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import { sizeOfPng } from './fixtures/png.ts';

t.test('The card of a quote', async (t) => {
  const site = await startSite(t);

  await t.test('is a picture that proxies and other sites may show', async (t) => {
    const { statusCode, headers, rawPayload } = await site.request('/quotes/1/card.png');
    t.equal(statusCode, 200);
    t.match(headers, {
      'content-type': 'image/png',
      'content-length': `${rawPayload.length}`,
      'cache-control': /^public, max-age=\d+$/,
      'cross-origin-resource-policy': 'cross-origin',
      etag: /^"[^"]+"$/,
    });
    t.same(sizeOfPng(rawPayload), [1200, 630]);
  });

  await t.test('is what the page of the quote shows', async (t) => {
    const { body } = await site.request('/quotes/1');
    t.match(body, /<img [^>]*src="[^"]*quotes\/1\/card\.png"/);
    t.match(body, /<meta property="og:image" content="http[^"]*\/quotes\/1\/card\.png"/);
  });

  await t.test('is not sent to who has it', async (t) => {
    const { headers } = await site.request('/quotes/1/card.png');
    const again = await site.request({
      url: '/quotes/1/card.png',
      headers: { 'if-none-match': `"x", ${headers.etag}` },
    });
    t.equal(again.statusCode, 304);
    t.equal(again.headers.etag, headers.etag);
    t.equal(again.body, '');
  });

  await t.test('tells its size without being sent', async (t) => {
    const { rawPayload, headers } = await site.request('/quotes/1/card.png');
    const head = await site.request({ method: 'HEAD', url: '/quotes/1/card.png' });
    t.equal(head.statusCode, 200);
    t.match(head.headers, { 'content-length': `${rawPayload.length}`, etag: headers.etag });
    t.equal(head.body, '');
  });

  await t.test('is another one when the quote is corrected', async (t) => {
    const before = await site.request('/quotes/2/card.png');
    await site.sql('UPDATE quotes SET content = ? WHERE id = ?', ['Corrected.', 2]);
    const after = await site.request({
      url: '/quotes/2/card.png',
      headers: { 'if-none-match': `${before.headers.etag}` },
    });
    t.equal(after.statusCode, 200);
    t.notOk(after.rawPayload.equals(before.rawPayload));
  });

  await t.test('is missed with a page where there is no such quote', async (t) => {
    for (const id of ['999999', '0', 'abc', '1e3', '99999999999']) {
      const { statusCode, headers } = await site.request(`/quotes/${id}/card.png`);
      t.equal(statusCode, 404, id);
      t.match(headers['content-type'], 'text/html');
      t.notOk(headers.etag);
    }
  });

  await t.test('comes without a long task beside it, where nobody asked for one', async (t) => {
    t.equal((await site.request('/heavy?ms=1')).statusCode, 404);
  });
});

t.test('The long task', async (t) => {
  // Over TCP, whatever the others are served by: a client that leaves has a connection.
  const site = await startSite(t, { HEAVY_ROUTE: 'true', CARD_QUEUE: '0', CARD_CACHE_MB: '0' }, { way: 'tcp' });

  await t.test('says what it did and where', async (t) => {
    const { statusCode, json } = await site.request('/heavy?ms=5');
    t.equal(statusCode, 200);
    t.match(json(), { task: 'hash', ms: 5, blocks: Number, worker: Number, generation: Number });
  });

  await t.test('takes no more than a minute', async (t) => {
    for (const ms of ['60001', '-1', 'NaN', '1.5', '']) {
      const { statusCode, headers, json } = await site.request(`/heavy?ms=${ms}`);
      t.equal(statusCode, 400, ms);
      t.match(headers['content-type'], 'application/problem+json');
      t.match(json().detail, /^ms /);
    }
  });

  await t.test('has cards refused while it runs, and ends when its client leaves', async (t) => {
    const leaving = new AbortController();
    const heavy = t.rejects(fetch(`${site.url}/heavy?ms=60000`, { signal: leaving.signal }));
    const { headers } = await cardWith(503, site);
    t.match(headers['retry-after'], /^[1-9]\d*$/);
    t.match(headers, { 'cache-control': 'no-store', 'content-type': /^text\/html/ });
    t.notOk(headers.etag);
    leaving.abort();
    await heavy;
    await cardWith(200, site);
  });
});

/** Asks for a card until it is answered so: what another connection does takes its time to arrive. */
async function cardWith(status: number, site: Site) {
  for (;;) {
    const answer = await site.request('/quotes/1/card.png');
    if (answer.statusCode === status) return answer;
  }
}
