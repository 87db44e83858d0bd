// A Hono application behind the real adapter: what its middleware and helpers do there.

import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type FetchEnv, fromFetch, toFetch } from '@tsgi/bridge-fetch';
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { methodOverride } from 'hono/method-override';
import { proxy } from 'hono/proxy';
import { stream, streamSSE, streamText } from 'hono/streaming';
import { type Test, t } from 'tap';
import { type Served, serve } from './fixtures/serve.ts';

type Env = { Bindings: FetchEnv };

function hono(t: Test, app: Hono<Env>): Promise<Served> {
  return serve(t, fromFetch(app));
}

/** A request by node:http, for what `fetch` hides: field spelling, raw bodies, leaving in the middle. */
async function raw(
  url: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  const request = httpRequest(url, { agent: false, ...options });
  request.end();
  const [response] = await once(request, 'response');
  return response;
}

t.test('text, JSON and HTML have their type and their length', async (t) => {
  const app = new Hono<Env>()
    .get('/text', (c) => c.text('Hello World!'))
    .get('/json', (c) => c.json({ hello: 'wörld' }))
    .get('/html', (c) => c.html('<p>Hello'));
  const { url } = await hono(t, app);
  const replies = [
    ['/text', 'text/plain;charset=UTF-8', 'Hello World!'],
    ['/json', 'application/json', '{"hello":"wörld"}'],
    ['/html', 'text/html; charset=UTF-8', '<p>Hello'],
  ] as const;
  for (const [path, type, body] of replies) {
    const response = await raw(url + path);
    t.equal(response.headers['content-type'], type);
    t.equal(response.headers['content-length'], String(Buffer.byteLength(body)));
    t.equal(response.headers['transfer-encoding'], undefined);
    t.equal(Buffer.concat(await response.toArray()).toString(), body);
  }
});

t.test('HEAD has the fields of GET and no body; 204 and 304 have none either', async (t) => {
  const app = new Hono<Env>()
    .get('/', (c) => c.text('Hello World!', 200, { 'x-own': '1' }))
    .get('/204', (c) => c.body(null, 204))
    .get('/304', (c) => c.body(null, 304));
  const { url } = await hono(t, app);
  const head = await raw(url, { method: 'HEAD' });
  t.equal(head.statusCode, 200);
  t.equal(head.headers['x-own'], '1');
  t.same(await head.toArray(), []);
  for (const status of [204, 304]) {
    const response = await raw(`${url}/${status}`);
    t.equal(response.statusCode, status);
    t.same(await response.toArray(), []);
  }
});

t.test('each cookie is a field of its own', async (t) => {
  const app = new Hono<Env>().get('/', (c) => {
    setCookie(c, 'a', '1');
    setCookie(c, 'b', '2', { expires: new Date(0) });
    return c.text('ok');
  });
  const { url } = await hono(t, app);
  t.same((await fetch(url)).headers.getSetCookie(), [
    'a=1; Path=/',
    'b=2; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
  ]);
});

t.test('errors: what onError makes of them, HTTPException, not found', async (t) => {
  const app = new Hono<Env>()
    .get('/throws', () => {
      throw new Error('secret');
    })
    .get('/rejects', () => Promise.reject(new Error('secret')))
    .onError((error, c) => c.text(`caught ${error.message}`, 503));
  const { url, errors } = await hono(t, app);
  for (const path of ['/throws', '/rejects']) {
    const response = await fetch(url + path);
    t.equal(response.status, 503);
    t.equal(await response.text(), 'caught secret');
  }
  t.equal((await fetch(`${url}/none`)).status, 404);
  t.same(errors, [], 'what the application answered is no error of the server');
});

t.test('basic-auth asks, refuses and lets in', async (t) => {
  const app = new Hono<Env>().use(basicAuth({ username: 'u', password: 'p' })).get('/', (c) => c.text('in'));
  const { url } = await hono(t, app);
  const asked = await fetch(url);
  t.equal(asked.status, 401);
  t.equal(asked.headers.get('www-authenticate'), 'Basic realm="Secure Area"');
  t.equal((await fetch(url, { headers: { authorization: `Basic ${btoa('u:wrong')}` } })).status, 401);
  t.equal(await (await fetch(url, { headers: { authorization: `Basic ${btoa('u:p')}` } })).text(), 'in');
});

t.test('compress compresses, cors and etag do their part', async (t) => {
  const page = 'page '.repeat(1000);
  const app = new Hono<Env>()
    .use(compress())
    .use(cors())
    .use(etag())
    .get('/', (c) => c.text(page));
  const { url } = await hono(t, app);
  const response = await raw(url, { headers: { 'accept-encoding': 'gzip', origin: 'http://a.example' } });
  t.equal(response.headers['content-encoding'], 'gzip');
  t.equal(response.headers['access-control-allow-origin'], '*');
  t.equal(gunzipSync(Buffer.concat(await response.toArray())).toString(), page);

  const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
  const tag = plain.headers.get('etag') ?? '';
  t.equal(await plain.text(), page);
  t.equal((await fetch(url, { headers: { 'if-none-match': tag, 'accept-encoding': 'identity' } })).status, 304);
});

t.test('middleware that makes a Request of the request', async (t) => {
  const limited = new Hono<Env>()
    .use('/limited', bodyLimit({ maxSize: 8 }))
    .post('/limited', async (c) => c.text(await c.req.text()))
    .post('/derived', async (c) => c.text(await new Request(c.req.raw, { headers: { 'x-own': '1' } }).text()))
    .post('/clone', async (c) => c.text((await c.req.raw.clone().text()) + (await c.req.text())));
  limited.use('/form', methodOverride({ app: limited }));
  limited.delete('/form', async (c) => c.text(`deleted ${(await c.req.parseBody()).name}`));
  limited.mount('/mounted', toFetch({ handle: ({ target }) => ({ status: 200, headers: [], body: target }) }));
  const { url } = await hono(t, limited);

  const streamed = (text: string) => ({
    method: 'POST',
    body: ReadableStream.from([new TextEncoder().encode(text)]),
    duplex: 'half' as const,
  });
  t.equal(await (await fetch(`${url}/limited`, streamed('12345678'))).text(), '12345678');
  t.equal((await fetch(`${url}/limited`, streamed('123456789'))).status, 413);
  t.equal(await (await fetch(`${url}/derived`, streamed('body'))).text(), 'body');
  t.equal(await (await fetch(`${url}/clone`, streamed('body'))).text(), 'bodybody');
  const form = new FormData();
  form.set('_method', 'DELETE');
  form.set('name', 'x');
  t.equal(await (await fetch(`${url}/form`, { method: 'POST', body: form })).text(), 'deleted x');
  t.equal(await (await fetch(`${url}/mounted/a/b?c`)).text(), '/a/b?c');
});

t.test('proxy: the request goes on to another server, and its reply comes back', async (t) => {
  const origin = await hono(
    t,
    new Hono<Env>().post('/', async (c) => c.text(`${c.req.header('x-own')} ${await c.req.text()}`, 201)),
  );
  const front = await hono(
    t,
    new Hono<Env>()
      .post('/proxy', (c) => proxy(origin.url, c.req))
      .post('/fetch', (c) => fetch(new Request(`${origin.url}/`, c.req.raw))),
  );
  for (const path of ['/proxy', '/fetch']) {
    const response = await fetch(front.url + path, { method: 'POST', body: 'body', headers: { 'x-own': '1' } });
    t.equal(response.status, 201);
    t.equal(await response.text(), '1 body');
  }
});

t.test('an upload of a form arrives with its files', async (t) => {
  const app = new Hono<Env>().post('/', async (c) => {
    const { file, name } = await c.req.parseBody();
    if (!(file instanceof File)) return c.text('no file', 400);
    const bytes = await file.bytes();
    return c.json({ name, type: file.type, size: bytes.byteLength, last: bytes.at(-1) });
  });
  const { url } = await hono(t, app);
  const content = new Uint8Array(3_000_000).fill(7);
  const form = new FormData();
  form.set('name', 'Jörg');
  form.set('file', new File([content], 'f.bin', { type: 'application/x-bin' }));
  const response = await fetch(url, { method: 'POST', body: form });
  t.same(await response.json(), { name: 'Jörg', type: 'application/x-bin', size: 3_000_000, last: 7 });
});

t.test('a body over the adapter’s limit is 413, also where the application reads it', async (t) => {
  const app = new Hono<Env>().post('/', async (c) => c.text(await c.req.text()));
  const { port } = await serve(t, fromFetch(app), { bodyBytes: 10 });
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n',
  );
  t.match(Buffer.concat(await socket.toArray()).toString(), /^HTTP\/1\.1 413 /);
});

t.test('a streamed upload is read no faster than the application reads', async (t) => {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const arrived = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const app = new Hono<Env>().post('/', async (c) => {
    reader = c.req.raw.body?.getReader();
    arrived.resolve();
    await done.promise;
    let length = 0;
    for (;;) {
      const chunk = await reader?.read();
      if (chunk?.value === undefined) return c.text(String(length));
      length += chunk.value.byteLength;
    }
  });
  const { url } = await hono(t, app);
  const total = 64;
  let sent = 0;
  const upload = ReadableStream.from(
    (async function* () {
      for (; sent < total; sent++) yield new Uint8Array(1024 * 1024);
    })(),
  );
  const response = fetch(url, { method: 'POST', body: upload, duplex: 'half' });
  await arrived.promise;
  // Nobody reads: what the system's buffers take, and then the client is held.
  let before = -1;
  while (before !== sent) {
    before = sent;
    for (let i = 0; i < 200; i++) await turn();
  }
  t.ok(sent < total, `${sent} of ${total} MiB`);
  done.resolve();
  t.equal(await (await response).text(), String(total * 1024 * 1024));
});

t.test('a stream is made no faster than the client reads, and ends when it leaves', async (t) => {
  let pulled = 0;
  const cancelled = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const app = new Hono<Env>().get('/', (c) => {
    c.req.raw.signal.addEventListener('abort', () => aborted.resolve());
    const stream = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
      cancel: () => cancelled.resolve(),
    });
    return c.body(stream);
  });
  const { url, errors } = await hono(t, app);
  const response = await raw(url);
  response.pause();
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    for (let i = 0; i < 200; i++) await turn();
  }
  t.ok(pulled < 64, `${pulled} MiB were made for a client that reads nothing`);
  response.destroy();
  await cancelled.promise;
  await aborted.promise;
  t.same(errors, []);
});

t.test('streamText and stream send chunk by chunk', async (t) => {
  const next = Promise.withResolvers<void>();
  const app = new Hono<Env>()
    .get('/text', (c) =>
      streamText(c, async (stream) => {
        await stream.write('first');
        await next.promise;
        await stream.write('second');
      }),
    )
    .get('/pipe', (c) => stream(c, (stream) => stream.pipe(ReadableStream.from([new Uint8Array([104, 105])]))));
  const { url } = await hono(t, app);
  const response = await raw(`${url}/text`);
  t.equal(response.headers['transfer-encoding'], 'chunked');
  const [chunk] = await once(response, 'data');
  t.equal(String(chunk), 'first');
  const end = response.toArray();
  next.resolve();
  t.equal(Buffer.concat(await end).toString(), 'second');
  t.equal(await (await fetch(`${url}/pipe`)).text(), 'hi');
});

t.test('server-sent events arrive one by one, and the stream knows when the client leaves', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const app = new Hono<Env>().get('/', (c) =>
    streamSSE(c, async (stream) => {
      stream.onAbort(() => aborted.resolve());
      await stream.writeSSE({ event: 'tick', id: '1', data: 'one' });
      await stream.writeSSE({ data: 'two' });
      await aborted.promise;
    }),
  );
  const { url } = await hono(t, app);
  const response = await raw(url);
  t.equal(response.headers['content-type'], 'text/event-stream');
  let text = '';
  for await (const chunk of response.iterator({ destroyOnReturn: true })) {
    text += chunk;
    if (text.endsWith('two\n\n')) break;
  }
  t.equal(text, 'event: tick\ndata: one\nid: 1\n\ndata: two\n\n');
  await aborted.promise;
});

t.test(
  'a stream that fails resets the connection, so that the client does not take the part for the whole',
  async (t) => {
    const app = new Hono<Env>().get('/', (c) =>
      c.body(
        ReadableStream.from(
          (async function* () {
            yield new TextEncoder().encode('part');
            await turn();
            throw new Error('cut');
          })(),
        ),
      ),
    );
    const { url, errors } = await hono(t, app);
    await t.rejects(fetch(url).then((response) => response.text()));
    t.equal(errors.length, 1);
    t.match(errors[0]?.fields.err, { message: 'cut' });
  },
);
