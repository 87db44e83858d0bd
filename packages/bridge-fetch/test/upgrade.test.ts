// Requests to change the protocol, and the socket behind them.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type FetchEnv, fromFetch } from '@tsgi/bridge-fetch';
import { createContext, TAKEN } from '@tsgi/core';
import { Hono } from 'hono';
import { t } from 'tap';
import { WebSocketServer } from 'ws';
import { gatewayRequest } from './fixtures/gateway-request.ts';
import { serve } from './fixtures/serve.ts';

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

t.test('ws speaks WebSocket on the socket that a Hono application takes', async (t) => {
  const sockets = new WebSocketServer({ noServer: true });
  const hono = new Hono<{ Bindings: FetchEnv }>();
  // Middleware that makes a new Response of every one, as some does, does not get in the way.
  hono.use(async (c, next) => {
    await next();
    c.res = new Response(c.res.body, c.res);
  });
  let cancelled = 0;
  hono.get('/echo', (c) => {
    const { upgrade, fields, method, target } = c.env.gateway;
    if (upgrade === null) return c.text('a WebSocket lives here', 426);
    const request = { method, url: target, headers: fields } as unknown as IncomingMessage;
    const { head } = upgrade;
    sockets.handleUpgrade(request, upgrade.take() as unknown as Duplex, Buffer.from(head), (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    return c.body(
      new ReadableStream({
        cancel() {
          cancelled++;
        },
      }),
    );
  });
  const { url, errors } = await serve(t, fromFetch(hono));
  t.equal((await fetch(`${url}/echo`)).status, 426);
  const client = new WebSocket(`${url.replace('http', 'ws')}/echo`);
  await once(client, 'open');
  client.send('ping');
  const [message] = (await once(client, 'message')) as [MessageEvent];
  t.equal(message.data, 'ping');
  client.close(1000);
  const [closed] = (await once(client, 'close')) as [CloseEvent];
  t.equal(closed.code, 1000);
  t.equal(cancelled, 1, 'what it returned is not sent');
  t.same(errors, []);
});

t.test('taking the socket resolves to TAKEN', async (t) => {
  const upgrade = { protocol: 'websocket', head: new Uint8Array(), take: () => ({}) as never };
  const application = fromFetch((_request, { gateway }) => {
    gateway.upgrade?.take();
    return new Response(null);
  });
  const { context } = createContext();
  t.equal(await application.handle(gatewayRequest({ upgrade }), context), TAKEN);
});
