// @fastify/websocket, and WebSockets through @fastify/http-proxy: the same handshakes, frames and endings through
// fromFastify and adapter-node as on Fastify's own listen.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import proxy from '@fastify/http-proxy';
import websocket from '@fastify/websocket';
import fastify, { type FastifyRequest } from 'fastify';
import t from 'tap';
import WebSocket, { WebSocketServer } from 'ws';
import { bothFastify } from './fastify.ts';

const upgrade = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
};

/** Talks to an echo: text, a binary message, a ping; asks for the end; gives everything that was heard. */
async function talk(url: string): Promise<unknown[]> {
  const client = new WebSocket(url, ['chat', 'other']);
  const heard: unknown[] = [];
  client.on('message', (data: Buffer, binary: boolean) => heard.push([data.toString('base64'), binary]));
  client.on('pong', (data) => heard.push(['pong', String(data)]));
  await once(client, 'open');
  heard.push(client.protocol, client.extensions);
  client.send('hello');
  await once(client, 'message');
  client.send(Buffer.alloc(100_000, 'b'));
  await once(client, 'message');
  client.ping('p');
  await once(client, 'pong');
  client.send('bye');
  const [code, reason] = await once(client, 'close');
  return [...heard, code, String(reason)];
}

t.test('@fastify/websocket: handshake, messages, pings, close codes, and paths without one', async (t) => {
  const seen: Record<'native' | 'ours', unknown[]> = { native: [], ours: [] };
  const ended: Promise<unknown>[] = [];
  const servers = await bothFastify(t, async (side) => {
    const app = fastify();
    await app.register(websocket, { options: { maxPayload: 200_000 } });
    for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
      app.addHook(
        hook,
        async (request: FastifyRequest) => void seen[side].push(`${hook} ${request.url} ${request.ws}`),
      );
    }
    app.addHook('preValidation', async (request, reply) => {
      if (request.url === '/forbidden') await reply.code(403).header('X-Why', 'hook').send('no');
    });
    app.addHook(
      'onResponse',
      async (request, reply) => void seen[side].push(`onResponse ${request.url} ${reply.statusCode}`),
    );
    app.get('/echo/:room', { websocket: true }, (socket, request) => {
      seen[side].push(['route', request.params, request.ip, request.headers['sec-websocket-version']]);
      const { promise, resolve } = Promise.withResolvers<void>();
      ended.push(promise);
      socket.on('close', (code: number, reason: Buffer) => {
        seen[side].push(['closed', code, String(reason)]);
        resolve();
      });
      socket.on('error', (error: Error) => seen[side].push(['error', error.message]));
      socket.on('message', (data: Buffer, binary: boolean) => {
        if (String(data) === 'bye') socket.close(4001, 'as asked');
        else socket.send(binary ? data : `${request.ip} ${data}`, { binary });
      });
    });
    app.get('/forbidden', { websocket: true }, () => {});
    app.get('/broken', { websocket: true }, () => {
      throw new Error('broken');
    });
    app.route({
      method: 'GET',
      url: '/both',
      handler: async () => 'over HTTP',
      wsHandler: (socket) => socket.close(4002),
    });
    app.get('/plain', async () => 'plain');
    return app;
  });
  const url = (side: 'native' | 'ours', path: string): string => `ws://127.0.0.1:${servers[side]}${path}`;
  t.strictSame(await talk(url('ours', '/echo/a?b=c')), await talk(url('native', '/echo/a?b=c')));

  for (const [path, why] of [
    ['/both', 'a route with both'],
    ['/broken', 'a handler that throws'],
  ] as const) {
    const codes = [];
    for (const side of ['native', 'ours'] as const) {
      const client = new WebSocket(url(side, path));
      client.on('error', () => {});
      codes.push((await once(client, 'close'))[0]);
    }
    t.equal(codes[1], codes[0], why);
  }

  const codes: Record<string, unknown> = {};
  for (const side of ['native', 'ours'] as const) {
    const tooLong = new WebSocket(url(side, '/echo/long'));
    await once(tooLong, 'open');
    tooLong.send(Buffer.alloc(300_000));
    const [code] = await once(tooLong, 'close');
    codes[side] = code;
    await Promise.all(ended);
    const vanishes = new WebSocket(url(side, '/echo/gone'));
    await once(vanishes, 'open');
    vanishes.terminate();
    await Promise.all(ended);
  }
  t.equal(codes.ours, codes.native, 'a message that is too long');
  t.strictSame(seen.ours, seen.native, 'hooks and handlers saw the same');

  await servers.same(t, { path: '/echo/a', headers: upgrade });
  await servers.same(t, { path: '/echo/a' });
  await servers.same(t, { path: '/both' });
  await servers.same(t, { path: '/plain' });
  await servers.same(t, { path: '/plain', headers: upgrade });
  await servers.same(t, { path: '/missing', headers: upgrade });
  await servers.same(t, { path: '/forbidden', headers: upgrade });
  await servers.same(t, { path: '/echo/a', headers: { ...upgrade, 'Sec-WebSocket-Version': '7' } });
  await servers.same(t, { path: '/echo/a', headers: { ...upgrade, 'Sec-WebSocket-Key': 'short' } });
});

t.test('@fastify/http-proxy passes WebSockets on', async (t) => {
  const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  upstream.on('connection', (socket, request) => {
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (String(data) === 'bye') socket.close(4003, 'upstream');
      else socket.send(binary ? data : `${request.url} ${data}`, { binary });
    });
  });
  const { port } = upstream.address() as AddressInfo;
  const servers = await bothFastify(t, () =>
    fastify().register(proxy, { upstream: `http://127.0.0.1:${port}`, prefix: '/live', websocket: true }),
  );
  const [native, ours] = await Promise.all([
    talk(`ws://127.0.0.1:${servers.native}/live/a`),
    talk(`ws://127.0.0.1:${servers.ours}/live/a`),
  ]);
  t.strictSame(ours, native);
  t.match(ours, [String, String]);
});
