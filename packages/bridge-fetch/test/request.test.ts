// What an application sees as its Request.

import { fromFetch } from '@tsgi/bridge-fetch';
import { createContext, type GatewayRequest, type GatewayResponse, TsgiError } from '@tsgi/core';
import fc from 'fast-check';
import { t } from 'tap';
import { CountedBody, endless, gatewayRequest } from './fixtures/gateway-request.ts';

const { context } = createContext();

/** The Request that an application gets for `changes`; `undefined` when it was not called. */
async function received(changes: Partial<GatewayRequest> = {}, aborter?: AbortController): Promise<Request> {
  let seen: Request | undefined;
  const application = fromFetch((request) => {
    seen = request;
    return new Response();
  });
  await application.handle(gatewayRequest(changes, aborter), context);
  if (seen === undefined) throw new Error('the application was not called');
  return seen;
}

async function status(changes: Partial<GatewayRequest>): Promise<number> {
  const application = fromFetch(() => new Response());
  return ((await application.handle(gatewayRequest(changes), context)) as GatewayResponse).status;
}

const post = (body: CountedBody, ...headers: string[]): Partial<GatewayRequest> => ({
  method: 'POST',
  body,
  headers: ['host', 'example.org', ...headers],
});

const segment = fc.stringMatching(/^[A-Za-z0-9._~!$&'()*+,;=:@%{}|^"<>-]{0,8}$/);
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const query = fc
  .option(fc.stringMatching(/^[A-Za-z0-9=&+%/?\\[\]]{0,12}$/), { nil: '' })
  .map((text) => text && `?${text}`);
const host = fc.constantFrom(
  'example.org',
  'EXAMPLE.org:8000',
  'localhost:80',
  '127.0.0.1:1',
  '[::1]',
  '[2001:db8::1]:443',
);
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const value = fc.stringMatching(/^(?:[!-~\xa1-\xff](?:[\t -~\xa1-\xff]{0,18}[!-~\xa1-\xff])?)?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });
const method = fc.constantFrom(
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'PROPFIND',
  'M-SEARCH',
);

t.test('method, URL and headers are those of a Request that is made of the same data', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      method,
      fc.constantFrom('http' as const, 'https' as const),
      host,
      path,
      query,
      fields,
      async (method, scheme, host, path, query, fields) => {
        const target = path + query;
        const request = await received({ method, scheme, host, target, headers: fields.flat() });
        const standard = new Request(`${scheme}://${host}${target}`, { method, headers: fields });
        t.equal(request.method, standard.method);
        t.equal(request.url, standard.url);
        t.same([...request.headers], [...standard.headers]);
      },
    ),
    { numRuns: 300 },
  );
});

t.test('it is a Request to everyone who asks', async (t) => {
  const request = await received({ target: '/a?b', headers: ['host', 'example.org', 'accept', 'text/html'] });
  t.ok(request instanceof Request);
  t.equal(Object.prototype.toString.call(request), '[object Request]');
  const again = new Request(request);
  t.equal(again.url, 'http://example.org/a?b');
  t.equal(again.headers.get('accept'), 'text/html');
  t.equal(new Request('http://elsewhere.example/', request).headers.get('accept'), 'text/html');
  t.equal(request.duplex, 'half');
  t.equal(request.redirect, 'follow');
});

t.test('repeated header fields are joined, cookies by a semicolon', async (t) => {
  const { headers } = await received({ headers: ['accept', 'a', 'accept', 'b', 'cookie', 'c=1', 'cookie', 'd=2'] });
  t.equal(headers.get('Accept'), 'a, b');
  t.equal(headers.get('cookie'), 'c=1; d=2');
});

t.test('the URL begins with the mount path', async (t) => {
  t.equal((await received({ mountPath: '/shop', target: '/cart?n=1' })).url, 'http://example.org/shop/cart?n=1');
});

t.test('a request without a host is for localhost', async (t) => {
  t.equal((await received({ host: '', headers: [] })).url, 'http://localhost/');
});

t.test('dot segments are resolved as in every URL, within the mount', async (t) => {
  t.equal((await received({ target: '/a/../b/./c' })).url, 'http://example.org/b/c');
  t.equal((await received({ mountPath: '/shop', target: '/a/%2E%2e/b' })).url, 'http://example.org/shop/b');
  t.equal((await received({ mountPath: '/shop', target: '/a/..' })).url, 'http://example.org/shop/');
});

t.test('dot segments that lead out of the mount are refused', async (t) => {
  for (const target of ['/../admin', '/%2e%2E/admin', '/a/../../admin', '/.%2e?x', '/../shopping']) {
    t.equal(await status({ mountPath: '/shop', target }), 400, target);
  }
  t.equal(await status({ mountPath: '/{a}', target: '/b/../c' }), 200, 'a mount that the URL parser spells otherwise');
});

t.test('a target that is no URL is refused, and the application not called', async (t) => {
  t.equal(await status({ method: 'OPTIONS', target: '*' }), 400);
  t.equal(await status({ target: '/a\\b' }), 400, 'the URL parser would make a slash of it');
  t.equal(await status({ target: '/a?b\\c' }), 200, 'in a query it stays what it is');
  t.equal((await received({ target: '//other.example/a' })).url, 'http://example.org//other.example/a');
});

t.test('a host that is more than a host is refused', async (t) => {
  const hosts = [
    'a/b',
    'a?b',
    'a#b',
    'user@a',
    'user:pass@a',
    'a\\b',
    'a b',
    'a:b',
    'a:70000',
    '[::1',
    '1.2.3.4.5',
    'a%00b',
    'é',
  ];
  for (const host of hosts) t.equal(await status({ host }), 400, host);
});

t.test('TRACE, which no Request can be, is not implemented', async (t) => {
  t.equal(await status({ method: 'TRACE' }), 501);
  t.equal(await status({ method: 'TRACK' }), 501);
});

t.test('the signal is made when somebody asks for it, and is the gateway’s', async (t) => {
  const aborter = new AbortController();
  let asked = 0;
  const lazy = {
    get signal() {
      asked++;
      return aborter.signal;
    },
  };
  let seen: Request | undefined;
  const gateway = Object.defineProperties(gatewayRequest(), Object.getOwnPropertyDescriptors(lazy));
  await fromFetch((request) => {
    seen = request;
    return new Response();
  }).handle(gateway, context);
  t.equal(asked, 0);
  t.equal(seen?.signal, aborter.signal);
  const clone = seen?.clone();
  aborter.abort(new Error('gone'));
  t.equal(seen?.signal.aborted, true);
  t.equal(clone?.signal.aborted, true, 'a clone follows it');
});

t.test('a derived Request follows the client when it is told to', async (t) => {
  const aborter = new AbortController();
  const request = await received({}, aborter);
  const derived = new Request(request, { signal: request.signal });
  aborter.abort();
  t.equal(derived.signal.aborted, true);
});

t.test('a request without a body has none', async (t) => {
  const request = await received({ method: 'POST' });
  t.equal(request.body, null);
  t.equal(await request.text(), '');
  await t.rejects(request.json(), SyntaxError);
});

t.test('a body sent with GET or HEAD is passed over', async (t) => {
  for (const method of ['GET', 'HEAD']) {
    const body = new CountedBody(['ignored']);
    const request = await received({ ...post(body), method });
    t.equal(request.body, null);
    t.equal(body.asked, 0);
  }
});

t.test('every way to read a body gives the bytes that were sent', async (t) => {
  const bytes = new TextEncoder().encode('{"grüße":1}');
  const chunkings = [[bytes], [bytes.slice(0, 5), bytes.slice(5, 6), bytes.slice(6)], [new Uint8Array(), bytes]];
  for (const chunks of chunkings) {
    const request = () => received(post(new CountedBody(chunks)));
    t.equal(await (await request()).text(), '{"grüße":1}');
    t.same(await (await request()).json(), { grüße: 1 });
    t.same(await (await request()).bytes(), bytes);
    t.same(new Uint8Array(await (await request()).arrayBuffer()), bytes);
    t.same(await (await (await request()).blob()).bytes(), bytes);
    t.same(await new Response((await request()).body).bytes(), bytes);
    t.equal(await (await request()).clone().text(), '{"grüße":1}');
    t.equal(await new Request(await request()).text(), '{"grüße":1}');
  }
});

t.test('bytes that are handed out are the application’s own', async (t) => {
  const sent = Buffer.from('secret and body').subarray(11);
  const read = await (await received(post(new CountedBody([sent])))).bytes();
  t.equal(Object.getPrototypeOf(read), Uint8Array.prototype);
  t.equal(read.buffer.byteLength, 4);
  const buffer = await (await received(post(new CountedBody([sent])))).arrayBuffer();
  t.equal(buffer.byteLength, 4);
});

t.test('a byte order mark is taken off, as text() and json() do', async (t) => {
  t.same(await (await received(post(new CountedBody(['\uFEFF[1]'])))).json(), [1]);
});

t.test('a body is read once', async (t) => {
  const readers = [
    (request: Request) => request.text(),
    (request: Request) => request.json(),
    (request: Request) => request.bytes(),
    (request: Request) => request.arrayBuffer(),
    (request: Request) => request.blob(),
  ];
  for (const first of readers) {
    const request = await received(post(new CountedBody(['[]'])));
    t.equal(request.bodyUsed, false);
    const reading = first(request);
    t.equal(request.bodyUsed, true);
    for (const second of readers) await t.rejects(second(request), TypeError);
    t.throws(() => request.clone(), TypeError);
    t.throws(() => new Request(request), TypeError);
    await reading;
  }
});

t.test('after clone() both read the whole body', async (t) => {
  const request = await received(post(new CountedBody(['a', 'b'])));
  const clone = request.clone();
  t.equal(await request.text(), 'ab');
  t.equal(await clone.text(), 'ab');
});

t.test('a form is read with its files', async (t) => {
  const form = new FormData();
  form.set('name', 'Jörg');
  form.set('file', new File(['content'], 'a.txt', { type: 'text/plain' }));
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  const body = new CountedBody([await encoded.bytes()]);
  const read = await (await received(post(body, 'content-type', type))).formData();
  t.equal(read.get('name'), 'Jörg');
  t.equal(await (read.get('file') as File).text(), 'content');
});

t.test('the sender is asked for nothing before somebody reads, and for one chunk a read', async (t) => {
  const body = new CountedBody(endless());
  const request = await received(post(body));
  const reader = request.body?.getReader();
  t.equal(body.asked, 0);
  await reader?.read();
  t.equal(body.asked, 1);
  await reader?.read();
  await reader?.read();
  t.equal(body.asked, 3);
  await reader?.cancel();
  t.equal(body.asked, 3);
  t.equal(body.returned, 1, 'who wants no more tells the sender');
});

t.test('an unread body that is cancelled is never begun', async (t) => {
  const body = new CountedBody(endless());
  const request = await received(post(body));
  await request.body?.cancel();
  t.equal(body.asked, 0);
  t.equal(body.returned, 0);
});

t.test('an error of the body reaches the reader as it is, on every way', async (t) => {
  const failing = () =>
    new CountedBody(
      (function* () {
        yield 'begun';
        throw new TsgiError('TSGI_ERR_BODY_TOO_LARGE', { limit: 5 });
      })(),
    );
  const ways = [
    (request: Request) => request.text(),
    (request: Request) => request.blob(),
    (request: Request) => new Response(request.body).text(),
  ];
  for (const read of ways) {
    const error = await read(await received(post(failing()))).catch((error: unknown) => error);
    t.match(error, { code: 'TSGI_ERR_BODY_TOO_LARGE', status: 413 });
    t.equal((error as { getResponse(): Response }).getResponse().status, 413);
  }
});

t.test('an error that is not the client’s fault has no answer of its own', async (t) => {
  const body = new CountedBody(
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    (function* () {
      throw new Error('disk');
    })(),
  );
  const error = await (await received(post(body))).text().catch((error: unknown) => error);
  t.match(error, { message: 'disk' });
  t.notOk('getResponse' in (error as object));
});
