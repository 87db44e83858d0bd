// Whatever a client sends, the API answers as it is described or refuses it with a problem that names the field; it stores
// nothing that it refused, and tells nothing of its inside. What is sent is made by fast-check from the schemas' own fields.
// A failure prints its seed; MQ_TEST_SEED takes it, or another one.

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import type { SiteRequest, SiteResponse } from './fixtures/served.ts';

fc.configureGlobal({ numRuns: 100, seed: Number(process.env.MQ_TEST_SEED ?? 1942) });

// On a machine that does much else.
t.setTimeout(120_000);

const TOKEN = 'a-token-for-the-tests';
// So many requests without a pause are a load by themselves, and a refusal for load is none that is looked at here.
const site = await startSite(t, { API_TOKEN: TOKEN, MAX_EVENT_LOOP_DELAY: '0' });
const INPUT = { film: 'The Test', year: 2001, content: "It's only a test.", speaker: 'Somebody' };
const OWNER = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };

// What people try on forms, and what breaks programs that put text together.
const HOSTILE = [
  "' OR 1=1 --",
  '"; DROP TABLE quotes; --',
  "'); DELETE FROM quotes; --",
  '1 UNION SELECT password_hash FROM admins',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '../../../etc/passwd',
  '{{7*7}}',
  '%00',
  '%',
  '_',
  '!',
  '\\',
  '\0',
  '\r\nx-injected: 1',
  '\u202e',
  '\ufeff',
  '\ud800',
  'NaN',
  'Infinity',
  '-0',
  '1e309',
  '0x10',
  '9007199254740993',
  '-1',
  'null',
  'undefined',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
];
const hostile = fc.constantFrom(...HOSTILE);
const text = fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 1500 }));
const key = fc.oneof(hostile, fc.string({ maxLength: 20 }));
/** As text travels in an address; some of it is encoded wrongly on purpose. */
const encoded = fc.oneof(
  { weight: 6, arbitrary: text.map((value) => encodeURIComponent(value.toWellFormed())) },
  { weight: 1, arbitrary: fc.constantFrom('%', '%zz', '%ff', '%c3%28', '%ed%a0%80', '%u0041', '%2', '+', '%2e%2e%2f') },
);
const anything = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A printable value of a header field. */
const header = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 80 }),
  fc.constantFrom('*', '"1-1"', 'W/"1-1"', '"', '""', ',', 'Bearer', 'bearer x', 'Bearer  x y', `Bearer ${TOKEN}x`),
);

async function rows(of: Site = site): Promise<number[]> {
  const tables = ['quotes', 'films', 'people', 'audit', 'likes'];
  const counts = tables.map((table) => of.sql<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`));
  return (await Promise.all(counts)).map(([row]) => Number(row?.n));
}

/** Sends it (which holds the answer to its description as well), and expects one of these statuses. */
async function expectOneOf(statuses: readonly number[], request: SiteRequest): Promise<SiteResponse> {
  const response = await site.request(request);
  const { statusCode, body, headers } = response;
  const told = `${request.method ?? 'GET'} ${request.url}: ${statusCode} ${body.slice(0, 300)}`;
  if (!statuses.includes(statusCode)) throw new Error(`none of ${statuses.join(', ')}: ${told}`);
  if (statusCode < 400) return response;
  if (!String(headers['content-type']).startsWith('application/problem+json')) throw new Error(`no problem: ${told}`);
  if (request.method === 'HEAD') return response;
  const { detail, errors } = response.json();
  if ([400, 413, 415].includes(statusCode) && !(errors?.length > 0)) throw new Error(`no field is named: ${told}`);
  // Of the inside; what the client itself sent may stand in there.
  if (/\n\s+at |node_modules|SQLITE_|ER_[A-Z]+_|\.ts:\d/.test(String(detail)))
    throw new Error(`it tells too much: ${told}`);
  return response;
}

/** Holds `property` for all values, and finds the rows that there were. */
function holds<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [Index in keyof Values]: fc.Arbitrary<Values[Index]> },
  property: (...values: Values) => Promise<void>,
  numRuns = 100,
): void {
  t.test(name, async (t) => {
    const before = await rows();
    await fc.assert(fc.asyncProperty(...(arbitraries as [fc.Arbitrary<unknown>]), property as never), { numRuns });
    t.strictSame(await rows(), before, 'nothing is stored');
  });
}

const LISTS = ['/api/v1/quotes', '/api/v1/films', '/api/v1/trending'];
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom('limit', 'cursor', 'search', 'sort'),
    key.map((name) => encodeURIComponent(name.toWellFormed())),
  ),
  encoded,
);

holds(
  'a list takes any parameters, or says which one is wrong',
  [fc.constantFrom(...LISTS), fc.array(parameter, { maxLength: 4 })],
  async (path, parameters) => {
    const query = parameters.map((pair) => pair.join('=')).join('&');
    const response = await expectOneOf([200, 400], { url: `${path}?${query}` });
    if (response.statusCode === 400) {
      for (const { in: place } of response.json().errors) t.equal(place, 'querystring');
    }
  },
);

holds(
  'a cursor is one that a page gave, or is refused by its name',
  [
    fc.constantFrom('/api/v1/quotes', '/api/v1/films'),
    fc.constantFrom('id', '-id', 'year', '-year'),
    fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.constantFrom('id', '-id', 'year', '-year', 'title'), anything, anything),
      fc.tuple(fc.constantFrom('id', '-year'), fc.integer(), fc.integer(), fc.integer()),
    ),
  ],
  async (path, sort, forged) => {
    const cursor = Buffer.from(JSON.stringify(forged)).toString('base64url');
    const response = await expectOneOf([200, 400], { url: `${path}?sort=${sort}&cursor=${cursor}` });
    if (response.statusCode === 400) {
      const [{ in: place, field }] = response.json().errors;
      if (place !== 'querystring' || field !== 'cursor') throw new Error(`${place} ${field} is named for ${cursor}`);
    }
  },
);

holds(
  'an id is that of something, of nothing, or is no id',
  [
    fc.constantFrom(['/api/v1/quotes/', ''], ['/api/v1/films/', ''], ['/api/v1/quotes/', '/reactions']),
    fc.oneof(encoded, fc.integer().map(String), fc.bigInt().map(String), fc.double().map(String)),
  ],
  async ([before, after], id) => {
    await expectOneOf([200, 400, 404, 414], { url: `${before}${id}${after}` });
  },
);

// Each of these is wrong in its field, whatever the rest is.
const wrong = {
  film: fc.oneof(
    fc.constantFrom('', ' ', ' x', 'x ', 'a\nb', 'a\0b', 'x'.repeat(201), '\ud800', '\u2028'),
    fc.constantFrom(null, true, 7, [], {}, ['x']),
  ),
  year: fc.oneof(
    fc.constantFrom('1999', null, true, [], {}, [1999], 1999.5, 1e300, -0),
    fc.integer({ max: 1887 }),
    fc.integer({ min: 2101 }),
  ),
  content: fc.oneof(fc.constantFrom('', '\t', 'a\rb', 'x'.repeat(501)), fc.constantFrom(null, false, 1, [], {})),
  speaker: fc.oneof(fc.constantFrom('', '\u00a0', '\u0085', 'x'.repeat(201)), fc.constantFrom(null, 0, [], {})),
};
const writes = fc.constantFrom(
  ['POST', '/api/v1/quotes'],
  ['PUT', '/api/v1/quotes/1'],
  ['PUT', '/api/v1/quotes/2147483647'],
);

holds(
  'a quote with a wrong field is refused, and all such fields are named',
  [writes, fc.record(wrong, { requiredKeys: [] })],
  async ([method, url], broken) => {
    const names = Object.keys(broken).sort();
    if (names.length === 0) return;
    const request = { method: method as string, url: url as string, headers: { ...OWNER, ...JSON_TYPE } };
    const response = await expectOneOf([400], { ...request, payload: JSON.stringify({ ...INPUT, ...broken }) });
    const named = [...new Set(response.json().errors.map(({ field }: { field: string }) => field))].sort();
    if (String(named) !== String(names)) throw new Error(`${named} is named, not ${names}`);
  },
);

holds(
  'a body that is any JSON is refused',
  [writes, fc.oneof(fc.jsonValue(), fc.dictionary(key, anything), fc.array(anything))],
  async ([method, url], value) => {
    const request = { method: method as string, url: url as string, headers: { ...OWNER, ...JSON_TYPE } };
    await expectOneOf([400], { ...request, payload: JSON.stringify(value) });
  },
);

holds(
  'a quote with a field that is not its own is refused by that name',
  [key.filter((name) => !['film', 'year', 'content', 'speaker'].includes(name)), anything],
  async (name, value) => {
    const payload = `{${JSON.stringify(name)}:${JSON.stringify(value) ?? null},${JSON.stringify(INPUT).slice(1)}`;
    const response = await expectOneOf([400], {
      method: 'POST',
      url: '/api/v1/quotes',
      headers: { ...OWNER, ...JSON_TYPE },
      payload,
    });
    const [{ field, message }] = response.json().errors;
    if (field !== name && !message.includes('__proto__')) throw new Error(`${field} is named, not ${name}`);
  },
);

holds(
  'a body that is no JSON is refused',
  [
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      text.map((value) => Buffer.from(value)),
      // A body that was cut.
      fc.nat({ max: 60 }).map((length) => Buffer.from(JSON.stringify(INPUT).slice(0, length))),
      fc.constant(Buffer.from(JSON.stringify(INPUT), 'utf16le')),
    ),
    fc.constantFrom('application/json', 'application/json; charset=latin1', 'APPLICATION/JSON;x=y'),
  ],
  async (payload, type) => {
    await expectOneOf([400], {
      method: 'POST',
      url: '/api/v1/quotes',
      headers: { ...OWNER, 'content-type': type },
      payload,
    });
  },
);

holds(
  'a body of another type is refused, whatever is in it',
  [
    fc.oneof(header, fc.constantFrom('text/json', 'application/jsonx', 'multipart/form-data', 'text/plain', '*/*')),
    anything,
  ],
  async (type, value) => {
    if (/^\s*application\/json\s*(;|$)/i.test(type)) return;
    await expectOneOf([415], {
      method: 'POST',
      url: '/api/v1/quotes',
      headers: { ...OWNER, 'content-type': type },
      payload: JSON.stringify(value) ?? 'x',
    });
  },
);

holds(
  'any header is taken or refused',
  [
    fc.record(
      {
        'if-match': header,
        'if-none-match': header,
        'idempotency-key': header,
        'last-event-id': header,
        accept: header,
        'x-request-id': header,
      },
      { requiredKeys: [] },
    ),
    fc.constantFrom(['GET', '/api/v1/quotes/1'], ['GET', '/api/v1/films'], ['DELETE', '/api/v1/quotes/2147483647']),
  ],
  async (headers, [method, url]) => {
    await expectOneOf([200, 304, 404], {
      method: method as string,
      url: url as string,
      headers: { ...headers, ...OWNER },
    });
  },
);

holds(
  'nobody changes anything with a token that is not the one',
  [header, writes],
  async (authorization, [method, url]) => {
    const request = { method: method as string, url: url as string, headers: { authorization }, payload: INPUT };
    await expectOneOf([401], request);
  },
);

holds(
  'a reaction is of a kind that there is, and its key has the form of one',
  [fc.oneof(anything, fc.record({ kind: anything }), fc.record({ kind: fc.constant('unlike') })), fc.option(header)],
  async (value, idempotency) => {
    const headers = { ...JSON_TYPE, ...(idempotency !== null && { 'idempotency-key': idempotency }) };
    const request = { method: 'POST', url: '/api/v1/quotes/1/reactions', headers };
    await expectOneOf([200, 400], { ...request, payload: JSON.stringify(value) ?? 'undefined' });
  },
);

holds(
  'any method is answered at any path',
  [
    fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE', 'SEARCH'),
    fc.oneof(
      fc.constantFrom(
        '/api/v1/quotes',
        '/api/v1/quotes/random',
        '/api/v1/quotes/1',
        '/api/v1/films/1',
        '/api/',
        '/api/v2',
      ),
      encoded.map((part) => `/api/v1/${part}`),
      encoded.map((part) => `/api/v1/quotes/1/${part}`),
    ),
  ],
  async (method, url) => {
    const statuses = [200, 204, 400, 401, 404, 405, 414, 415];
    await expectOneOf(statuses, { method, url });
  },
);

const line = (maxLength: number) =>
  fc
    .oneof(hostile, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }))
    .map((value) =>
      value
        .toWellFormed()
        .replace(/[\p{Cc}\p{Cs}]/gu, '')
        .trim(),
    )
    .filter((value) => value !== '' && [...value].length <= maxLength);

holds(
  'a quote that is right comes back as it was sent, and nothing is left of it when it is deleted',
  [line(200), line(500), line(200), fc.integer({ min: 1888, max: 2100 })],
  async (film, content, speaker, year) => {
    const payload = { film, content, speaker, year };
    const created = await expectOneOf([201], { method: 'POST', url: '/api/v1/quotes', headers: OWNER, payload });
    const { id } = created.json();
    const url = `/api/v1/quotes/${id}`;
    const found = (await expectOneOf([200], { url })).json();
    for (const [name, value] of Object.entries(payload)) {
      if (found[name] !== value) throw new Error(`${name} is ${JSON.stringify(found[name])}`);
    }
    await expectOneOf([204], { method: 'DELETE', url, headers: OWNER });
    await site.sql('DELETE FROM audit WHERE subject_id = ?', [id]);
  },
  30,
);

t.test('a body that lies about its length stores nothing, and gets no success', async (t) => {
  const tcp = await startSite(t, { API_TOKEN: TOKEN }, { way: 'tcp' });
  const before = await rows(tcp);
  const body = JSON.stringify(INPUT);
  const { length } = body;
  const cases: Record<string, [head: string, body: string]> = {
    longer: [`content-length: ${length + 10}`, body],
    shorter: [`content-length: ${length - 10}`, body],
    none: ['x: y', body],
    negative: ['content-length: -1', body],
    'no number': ['content-length: many', body],
    huge: ['content-length: 99999999999999999999', body],
    'two of them': [`content-length: ${length}\r\ncontent-length: ${length + 1}`, body],
    'both kinds': [`content-length: ${length}\r\ntransfer-encoding: chunked`, body],
    'a chunk that is cut': ['transfer-encoding: chunked', `${(length + 10).toString(16)}\r\n${body}`],
    'a chunk that is none': ['transfer-encoding: chunked', `zz\r\n${body}\r\n0\r\n\r\n`],
    'no last chunk': ['transfer-encoding: chunked', `${length.toString(16)}\r\n${body}\r\n`],
  };
  for (const [name, [head, sent]] of Object.entries(cases)) {
    const answer = await sendRaw(tcp.url as string, head, sent);
    t.notMatch(answer, /^HTTP\/1\.1 [235]/, name);
    t.notMatch(answer, /node_modules|\n\s+at /, name);
    t.strictSame(await rows(tcp), before, name);
  }
});

/** Sends a POST as it stands, ends its side, and reads until the server ends. */
async function sendRaw(url: string, head: string, body: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  await once(socket, 'connect');
  socket.end(
    `POST /api/v1/quotes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n` +
      `content-type: application/json\r\nconnection: close\r\n${head}\r\n\r\n${body}`,
  );
  socket.on('error', () => {}); // A reset is an answer, too.
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
  });
  await once(socket, 'close');
  return answer;
}
