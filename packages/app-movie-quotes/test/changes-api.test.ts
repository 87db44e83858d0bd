// Changes of the catalogue over the API, by who has the token and by who has not.

import t from 'tap';
import { startSite } from './fixtures/movie-quotes.ts';
import type { SiteRequest } from './fixtures/served.ts';

const TOKEN = 'a-token-for-the-tests';
const site = await startSite(t, { API_TOKEN: TOKEN });
const INPUT = { film: 'The Test', year: 2001, content: "It's only a test.", speaker: 'Somebody' };

const asOwner = (request: SiteRequest) =>
  site.request({ ...request, headers: { authorization: `Bearer ${TOKEN}`, ...request.headers } });
const create = (payload: object) => asOwner({ method: 'POST', url: '/api/v1/quotes', payload });
const count = async (table: string) =>
  Number((await site.sql<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.n);

t.test('a quote is added, replaced and deleted, and every step is in the audit log', async (t) => {
  const created = await create(INPUT);
  t.equal(created.statusCode, 201);
  const { id } = created.json();
  t.match(created.json(), { ...INPUT, version: 1 });
  t.equal(created.headers.etag, `"${id}-1"`);
  t.equal(created.headers['cache-control'], 'no-store');
  // As a client resolves it, under whatever prefix this is served.
  const base = `http://localhost${site.root}`;
  const { pathname } = new URL(String(created.headers.location), `${base}/api/v1/quotes`);
  t.equal(pathname, `${site.root}/api/v1/quotes/${id}`);
  const url = `/api/v1/quotes/${id}`;
  const got = await site.request(url);
  t.strictSame(got.json(), created.json());
  t.equal(got.headers.etag, `"${id}-1"`);

  const replaced = await asOwner({ method: 'PUT', url, payload: { ...INPUT, speaker: 'Somebody Else' } });
  t.equal(replaced.statusCode, 200);
  t.match(replaced.json(), { id, speaker: 'Somebody Else', version: 2 });
  t.equal(replaced.headers.etag, `"${id}-2"`);
  const stale = await site.request({ url, headers: { 'if-none-match': `"${id}-1"` } });
  t.equal(stale.statusCode, 200, 'the old tag is not the one any more');
  t.equal((await site.request({ url, headers: { 'if-none-match': `W/"${id}-2"` } })).statusCode, 304);

  const deleted = await asOwner({ method: 'DELETE', url });
  t.equal(deleted.statusCode, 204);
  t.equal(deleted.body, '');
  t.equal((await site.request(url)).statusCode, 404);
  t.equal((await asOwner({ method: 'DELETE', url })).statusCode, 404);
  t.equal((await asOwner({ method: 'PUT', url, payload: INPUT })).statusCode, 404);
  const log = await site.sql<{ actor: string; action: string }>(
    'SELECT actor, action FROM audit WHERE subject_id = ? ORDER BY id',
    [id],
  );
  t.strictSame(
    log.map(({ actor, action }) => `${actor} ${action}`),
    ['api create', 'api replace', 'api delete'],
  );
});

t.test('a change can be made of one version only', async (t) => {
  const { id } = (await create({ ...INPUT, content: 'Once.' })).json();
  const url = `/api/v1/quotes/${id}`;
  const put = (tag: string, content: string) =>
    asOwner({ method: 'PUT', url, payload: { ...INPUT, content }, headers: { 'if-match': tag } });
  for (const tag of [`"${id}-2"`, `W/"${id}-1"`, '"nonsense"', `"${id + 1}-1"`, '', `"${id}-2", "${id}-3"`]) {
    const refused = await put(tag, 'Never.');
    t.equal(refused.statusCode, 412, tag);
    t.match(refused.json(), { title: 'Precondition Failed', detail: `quote ${id} was changed: it has version 1 now` });
    const kept = await asOwner({ method: 'DELETE', url, headers: { 'if-match': tag } });
    t.equal(kept.statusCode, 412, tag);
  }
  t.equal((await put(`"${id}-9", "${id}-1"`, 'Twice.')).statusCode, 200);
  t.equal((await put('*', 'Thrice.')).json().version, 3);
  const gone = await asOwner({ method: 'DELETE', url, headers: { 'if-match': `"${id}-3"` } });
  t.equal(gone.statusCode, 204);
  t.equal((await put('*', 'Late.')).statusCode, 404);
});

t.test('of two who change the same version, one is told', async (t) => {
  const { id } = (await create({ ...INPUT, content: 'Mine.' })).json();
  const url = `/api/v1/quotes/${id}`;
  const answers = await Promise.all(
    ['His.', 'Hers.', 'Theirs.'].map((content) =>
      asOwner({ method: 'PUT', url, payload: { ...INPUT, content }, headers: { 'if-match': `"${id}-1"` } }),
    ),
  );
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 412, 412]);
  t.equal((await site.request(url)).json().version, 2);
});

t.test('a quote that the film has already is refused', async (t) => {
  t.equal((await create({ ...INPUT, content: 'Again.' })).statusCode, 201);
  const again = await create({ ...INPUT, content: 'Again.', speaker: 'Another' });
  t.equal(again.statusCode, 409);
  t.match(again.json().errors, [{ in: 'body', field: 'content' }]);
  const { id } = (await create({ ...INPUT, content: 'Different.' })).json();
  const payload = { ...INPUT, content: 'Again.' };
  t.equal((await asOwner({ method: 'PUT', url: `/api/v1/quotes/${id}`, payload })).statusCode, 409);
});

t.test('what is wrong with a body is told field by field, and nothing is stored', async (t) => {
  const before = [await count('quotes'), await count('films'), await count('people'), await count('audit')];
  const wrong: [body: unknown, errors: { field: string; message: string }[]][] = [
    [{}, ['film', 'year', 'content', 'speaker'].map((field) => ({ field, message: 'is missing' }))],
    [{ ...INPUT, year: '2001' }, [{ field: 'year', message: 'must be integer' }]],
    [{ ...INPUT, year: 1887 }, [{ field: 'year', message: 'must be >= 1888' }]],
    [{ ...INPUT, film: 7, speaker: null }, ['film', 'speaker'].map((field) => ({ field, message: 'must be string' }))],
    [{ ...INPUT, content: 'x'.repeat(501) }, [{ field: 'content', message: 'must NOT have more than 500 characters' }]],
    [{ ...INPUT, stars: 5 }, [{ field: 'stars', message: 'is not taken' }]],
    ...[' ', 'x ', '\tx', 'a\nb', 'nul\0', '\ud800'].map((film): [unknown, { field: string; message: string }[]] => [
      { ...INPUT, film },
      [{ field: 'film', message: 'must be text on one line, without a space at its ends' }],
    ]),
    [[], [{ field: '', message: 'must be object' }]],
    ['text', [{ field: '', message: 'must be object' }]],
    [null, [{ field: '', message: 'must be object' }]],
  ];
  for (const [body, errors] of wrong) {
    const payload = JSON.stringify(body);
    const headers = { 'content-type': 'application/json' };
    const response = await asOwner({ method: 'POST', url: '/api/v1/quotes', payload, headers });
    t.equal(response.statusCode, 400, payload.slice(0, 60));
    t.match(response.json().errors, errors);
    t.match(response.json().detail, errors[0]?.message);
  }
  t.strictSame([await count('quotes'), await count('films'), await count('people'), await count('audit')], before);
});

t.test('what cannot be read as JSON in UTF-8 is refused', async (t) => {
  const json = { 'content-type': 'application/json' };
  const good = JSON.stringify({ ...INPUT, content: 'Good.' });
  const cases: [payload: string | Uint8Array, headers: Record<string, string>, status: number, error: object][] = [
    ['{"film":', json, 400, { in: 'body', message: /^must be JSON/ }],
    ['{"film":NaN}', json, 400, { in: 'body', message: /^must be JSON/ }],
    ['', json, 400, { in: 'body', message: 'must not be empty' }],
    ['{"__proto__":{"admin":true}}', json, 400, { in: 'body', message: /__proto__/ }],
    ['{"constructor":{"prototype":{}}}', json, 400, { in: 'body', message: /constructor\.prototype/ }],
    [Buffer.from(good.replace('Good', 'G\xf6\xf6d'), 'latin1'), json, 400, { message: 'must be UTF-8' }],
    [good, { 'content-type': 'text/plain' }, 415, { in: 'headers', field: 'content-type' }],
    [good, { 'content-type': 'application/x-www-form-urlencoded' }, 415, { field: 'content-type' }],
    [good, { 'content-type': 'json' }, 415, { field: 'content-type' }],
    [good, {}, 415, { field: 'content-type' }],
    [`{"film":"${'x'.repeat(20_000)}"}`, json, 413, { in: 'body', message: 'must not be larger than 16384 bytes' }],
  ];
  for (const [payload, headers, status, error] of cases) {
    const response = await asOwner({ method: 'POST', url: '/api/v1/quotes', payload, headers });
    t.equal(response.statusCode, status, String(payload).slice(0, 60));
    t.match(response.json().errors, [error]);
  }
  const mark = Buffer.from(`\ufeff${good}`);
  const marked = await asOwner({ method: 'POST', url: '/api/v1/quotes', payload: mark, headers: json });
  t.equal(marked.statusCode, 201, 'a byte-order mark is no part of the JSON');
});

t.test('who does not show the token changes nothing', async (t) => {
  const before = await count('quotes');
  const shown = [{}, { authorization: TOKEN }, { authorization: `Basic ${TOKEN}` }, { authorization: 'Bearer ' }];
  const wrong = [{ authorization: `Bearer ${TOKEN}x` }, { authorization: `Bearer ${TOKEN.slice(1)}` }];
  for (const headers of [...shown, ...wrong] as Record<string, string>[]) {
    for (const [method, url] of [
      ['POST', '/api/v1/quotes'],
      ['PUT', '/api/v1/quotes/1'],
      ['DELETE', '/api/v1/quotes/1'],
    ] as const) {
      const response = await site.request({ method, url, headers, ...(method !== 'DELETE' && { payload: INPUT }) });
      t.equal(response.statusCode, 401, `${method} ${JSON.stringify(headers)}`);
      t.match(response.headers['www-authenticate'], /^Bearer realm="Movie Quotes"/);
      t.match(response.json().errors, [{ in: 'headers', field: 'authorization' }]);
    }
  }
  t.equal(await count('quotes'), before);
  const lower = await site.request({
    method: 'POST',
    url: '/api/v1/quotes',
    payload: { ...INPUT, content: 'Lower case.' },
    headers: { authorization: `bearer ${TOKEN}` },
  });
  t.equal(lower.statusCode, 201, 'the scheme is written in any case (RFC 9110 section 11.1)');
});
