// Which applications fromFetch takes, and what it passes to them.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type FetchEnv, type FetchExecution, fromFetch } from '@tsgi/bridge-fetch';
import { type Application, createContext, type GatewayResponse, TAKEN } from '@tsgi/core';
import { Hono } from 'hono';
import { AutoRouter, type IRequest, Router } from 'itty-router';
import { t } from 'tap';
import { gatewayRequest } from './fixtures/gateway-request.ts';
import { serve } from './fixtures/serve.ts';

const { context } = createContext();

async function text(application: Application, target: string): Promise<string> {
  const { status, body } = (await application.handle(gatewayRequest({ target }), context)) as GatewayResponse;
  return `${status} ${new TextDecoder().decode(body as Uint8Array)}`;
}

t.test('functions, objects with fetch, Hono and itty-router are applications', async (t) => {
  t.equal(
    await text(
      fromFetch(() => new Response('plain')),
      '/',
    ),
    '200 plain',
  );
  t.equal(
    await text(
      fromFetch(async (request) => new Response(new URL(request.url).pathname)),
      '/a',
    ),
    '200 /a',
  );

  class Shop {
    #name = 'shop';
    fetch(): Response {
      return new Response(this.#name);
    }
  }
  t.equal(await text(fromFetch(new Shop()), '/'), '200 shop', 'fetch is called as a method');

  const hono = new Hono().get('/hello/:name', (c) => c.text(`Hello ${c.req.param('name')}?${c.req.query('q')}`));
  t.equal(await text(fromFetch(hono), '/hello/World?q=1'), '200 Hello World?1');
  t.equal(await text(fromFetch(hono.fetch), '/hello/World?q=1'), '200 Hello World?1');
  t.equal(await text(fromFetch(hono), '/none'), '404 404 Not Found');

  const auto = AutoRouter().get('/hello/:name', ({ params, query }: IRequest) => [params.name, query.q]);
  t.equal(await text(fromFetch(auto), '/hello/World?q=1'), '200 ["World","1"]');
  const router = Router().get('/', () => new Response('root'));
  t.equal(await text(fromFetch(router), '/'), '200 root');
  await t.rejects(text(fromFetch(router), '/none'), { code: 'TSGI_ERR_RESPONSE', message: /returned undefined/ });
});

t.test('anything else is refused at once', (t) => {
  for (const value of [undefined, null, {}, { fetch: 1 }, 'app']) {
    t.throws(() => fromFetch(value as never), { name: 'TypeError', message: /fromFetch takes a function/ });
  }
  t.end();
});

t.test(
  'the second argument has the request as the gateway has it, and the context; for Hono it is c.env',
  async (t) => {
    const hono = new Hono<{ Bindings: FetchEnv }>().get('/', (c) => {
      const { gateway, context } = c.env;
      return c.json({ client: gateway.client, id: gateway.id, target: gateway.target, name: context.name });
    });
    t.equal(
      await text(fromFetch(hono), '/?a'),
      '200 {"client":{"kind":"ip","address":"192.0.2.1","port":50000},"id":"id-1","target":"/?a","name":"tsgi"}',
    );
  },
);

t.test('waitUntil is the context’s: a drain waits for it', async (t) => {
  const control = createContext();
  let finish = (): void => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const hono = new Hono().get('/', (c) => {
    c.executionCtx.waitUntil(work);
    c.executionCtx.passThroughOnException();
    return c.text('ok');
  });
  await fromFetch(hono).handle(gatewayRequest(), control.context);
  let settled = false;
  const drained = control.settled().then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(settled, false);
  finish();
  await drained;
});

t.test('one application can be served in two contexts', async (t) => {
  const seen: [FetchEnv, FetchExecution][] = [];
  const application = fromFetch((_request, env, execution) => {
    seen.push([env, execution]);
    return new Response();
  });
  const others = [context, createContext().context, context];
  for (const context of others) await application.handle(gatewayRequest(), context);
  t.same(
    seen.map(([env]) => env.context === context),
    [true, false, true],
  );
  t.not(seen[0]?.[1], seen[1]?.[1]);
});

t.test('a throw is left to the adapter: 500 without detail, one entry of the log', async (t) => {
  for (const fail of [
    () => {
      throw new Error('secret');
    },
    () => Promise.reject(new Error('secret')),
  ]) {
    const { url, errors } = await serve(t, fromFetch(fail));
    const response = await fetch(url);
    t.equal(response.status, 500);
    t.notMatch(await response.text(), /secret/);
    t.equal(errors.length, 1);
    t.match(errors[0]?.fields.err, { message: 'secret' });
  }
});

t.test('an upgrade that nobody takes is an ordinary request', async (t) => {
  const { port } = await serve(
    t,
    fromFetch((request) => new Response(request.headers.get('upgrade'), { status: 426 })),
  );
  const socket = connect(port, '127.0.0.1');
  socket.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
  const chunks = await socket.toArray();
  t.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 426 [\s\S]*\r\n\r\nwebsocket$/);
});

t.test('an application that takes the socket of an upgrade has it to itself', async (t) => {
  const hono = new Hono<{ Bindings: FetchEnv }>();
  // A middleware that makes a new response of every one, as many do.
  hono.use(async (c, next) => {
    await next();
    c.res = new Response(c.res.body, c.res);
  });
  let cancelled = false;
  hono.get('/echo', (c) => {
    const { upgrade } = c.env.gateway;
    if (upgrade === null || upgrade.protocol !== 'websocket' || upgrade.head.byteLength > 0) return c.text('', 426);
    const socket = upgrade.take();
    const key = c.req.header('sec-websocket-key') ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.once('data', (chunk: Uint8Array) => socket.end(chunk));
    const unsent = new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
    return new Response(unsent);
  });
  const { port, errors } = await serve(t, fromFetch(hono));
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [head] = await once(socket, 'data');
  t.match(String(head), /^HTTP\/1\.1 101 [\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n$/);
  socket.write('ping');
  t.equal(Buffer.concat(await socket.toArray()).toString(), 'ping');
  t.equal(cancelled, true, 'what it returned is not sent');
  t.same(errors, []);
});

t.test('taking the socket resolves to TAKEN', async (t) => {
  const upgrade = { protocol: 'websocket', head: new Uint8Array(), take: () => ({}) as never };
  const application = fromFetch((_request, { gateway }) => {
    gateway.upgrade?.take();
    return new Response(null);
  });
  t.equal(await application.handle(gatewayRequest({ upgrade }), context), TAKEN);
});
