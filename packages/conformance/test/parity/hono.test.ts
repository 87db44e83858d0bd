// Hono and its usual middleware: the same replies through fromFetch and adapter-node as on @hono/node-server.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { fromFetch } from '@tsgi/bridge-fetch';
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { getCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { stream, streamSSE, streamText } from 'hono/streaming';
import t, { type Test } from 'tap';
import type { Sent } from './exchange.ts';
import { type Pair, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends. */
function both(t: Test, make: () => Hono): Promise<Pair> {
  return pair(
    t,
    async () => {
      // The platform's Request and Response stay as they are for the side that uses them.
      const server = createAdaptorServer({ fetch: make().fetch, overrideGlobalObjects: false });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { port: (server.address() as AddressInfo).port, close: () => server.close() };
    },
    () => fromFetch(make()),
    { everywhere: ['Spelling of Content-Length'] },
  );
}

t.test('replies of every kind', async (t) => {
  const { same } = await both(t, () => {
    const app = new Hono();
    app.get('/text', (c) => c.text('ünicode'));
    app.get('/json', (c) => c.json({ a: 1 }, 201, { 'X-A': 'b' }));
    app.get('/html', (c) => c.html('<p>'));
    app.get('/bytes', (c) => c.body(new Uint8Array([0, 1, 255]), 200, { 'Content-Type': 'application/octet-stream' }));
    app.get('/none', (c) => c.body(null, 204));
    app.get('/redirect', (c) => c.redirect('/text', 303));
    app.get('/blob', () => new Response(new Blob(['blob'], { type: 'text/x' })));
    app.get('/form', () => new Response(new URLSearchParams({ a: '1' })));
    app.get('/typed', () => new Response('typed', { headers: { 'Content-Type': 'text/x', 'Content-Length': '5' } }));
    app.get('/cookies', (c) => {
      setCookie(c, 'a', '1', { httpOnly: true });
      setCookie(c, 'b', '2', { path: '/x' });
      return c.json(getCookie(c));
    });
    app.get('/throws', () => {
      throw new HTTPException(418, { message: 'short and stout' });
    });
    app.get('/see/:name', (c) =>
      c.json({
        url: c.req.url,
        path: c.req.path,
        query: c.req.queries('a') ?? null,
        param: c.req.param('name'),
        method: c.req.method,
        agent: c.req.header('user-agent') ?? null,
      }),
    );
    app.post('/echo', async (c) => c.json({ text: await c.req.text() }));
    app.post('/parsed', async (c) => c.json(await c.req.parseBody()));
    app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text('handled', 500)));
    app.get('/broken', () => {
      throw new Error('broken');
    });
    return app;
  });
  const paths = 'text json html bytes none form typed cookies throws broken missing see/x%20y?a=1&a=2';
  for (const path of paths.split(' ')) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  await same(t, { path: '/redirect' }, { differs: ['Length of what is whole'] });
  await same(t, { path: '/blob' }, { differs: ['Length of a Blob'] });
  await same(t, { path: '/cookies', headers: { Cookie: 'c=3; d=%20' } });
  await same(t, { path: '/see/x', headers: { Host: 'quotes.example:8080', 'User-Agent': 'parity' } });
  await same(t, { method: 'POST', path: '/echo', headers: { 'Content-Type': 'text/plain' }, body: 'whole' });
  await same(t, { method: 'POST', path: '/echo', headers: { 'Content-Type': 'text/plain' }, body: ['in ', 'chunks'] });
  await same(t, { method: 'OPTIONS', path: '/text' });
  const form = { 'Content-Type': 'multipart/form-data; boundary=B' };
  const body = '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n';
  await same(t, { method: 'POST', path: '/parsed', headers: form, body });
});

t.test('streaming and server-sent events', async (t) => {
  const { same } = await both(t, () => {
    const app = new Hono();
    app.get('/text', (c) =>
      streamText(c, async (out) => {
        await out.writeln('one');
        await out.sleep(5);
        await out.write('two');
      }),
    );
    app.get('/bytes', (c) => {
      c.header('Content-Type', 'application/octet-stream');
      return stream(c, async (out) => {
        await out.write(new Uint8Array([1, 2, 3]));
        await out.pipe(new Blob(['piped']).stream());
      });
    });
    app.get('/events', (c) =>
      streamSSE(c, async (out) => {
        for (const id of ['1', '2', '3']) await out.writeSSE({ id, event: 'quote', data: `number ${id}\nsecond line` });
      }),
    );
    return app;
  });
  const differs = ['Fields of the connection'] as const;
  await same(t, { path: '/text' }, { differs });
  await same(t, { path: '/bytes' });
  await same(t, { path: '/events' }, { differs });
});

t.test('compress, etag, basic-auth, cors, csrf, secure-headers, body-limit', async (t) => {
  const { same } = await both(t, () => {
    const app = new Hono();
    app.use('/packed/*', compress({ threshold: 100 }));
    app.get('/packed/long', (c) => c.json({ text: 'abc'.repeat(1000) }));
    app.get('/packed/short', (c) => c.json({ a: 1 }));
    app.use('/tagged', etag());
    app.get('/tagged', (c) => c.text('tagged'));
    app.use('/auth/*', basicAuth({ username: 'aladdin', password: 'open sesame' }));
    app.get('/auth/page', (c) => c.text('inside'));
    app.use('/api/*', cors({ origin: 'https://a.example', credentials: true, maxAge: 60 }), csrf(), secureHeaders());
    app.get('/api/a', (c) => c.json({ a: 1 }));
    app.post('/api/a', (c) => c.json({ a: 1 }));
    app.post('/limited', bodyLimit({ maxSize: 10 }), async (c) => c.text(await c.req.text()));
    return app;
  });
  for (const coding of ['gzip', 'deflate', 'identity', 'br']) {
    for (const path of ['/packed/long', '/packed/short'])
      await same(t, { path, headers: { 'Accept-Encoding': coding } });
  }
  const reply = await same(t, { path: '/tagged' });
  const tag = reply.headers.find(([name]) => name.toLowerCase() === 'etag')?.[1] as string;
  await same(t, { path: '/tagged', headers: { 'If-None-Match': tag } });
  await same(t, { path: '/auth/page' });
  for (const credentials of ['aladdin:open sesame', 'aladdin:wrong', 'nobody']) {
    await same(t, { path: '/auth/page', headers: { Authorization: `Basic ${btoa(credentials)}` } });
  }
  const origin = { Origin: 'https://a.example' };
  await same(t, { path: '/api/a', headers: origin });
  await same(t, { method: 'OPTIONS', path: '/api/a', headers: { ...origin, 'Access-Control-Request-Method': 'PUT' } });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await same(t, { method: 'POST', path: '/api/a', headers: { ...form, Origin: 'https://b.example' }, body: 'a=1' });
  const limited = (body: Sent['body'] & {}): Sent => ({ method: 'POST', path: '/limited', body });
  await same(t, limited('short'));
  await same(t, limited('longer than ten'));
  await same(t, limited(['longer ', 'than ', 'ten']));
});
