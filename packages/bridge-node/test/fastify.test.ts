import { once } from 'node:events';
import http from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import websocket from '@fastify/websocket';
import { listen } from '@tsgi/adapter-node';
import fastify, { type FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { fromFastify } from '../src/index.ts';

type Gate = ReturnType<typeof Promise.withResolvers<void>>;

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function serve(t: Test, app: FastifyInstance, options: object = {}): Promise<string> {
  const server = await listen(fromFastify(app), '127.0.0.1:0', { log: silent, ...options });
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address as { port: number }).port}`;
}

t.test('JSON comes in and goes out', async (t) => {
  const app = fastify();
  app.post('/echo', async (request) => request.body);
  const url = await serve(t, app);
  const reply = await fetch(`${url}/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":[1,2]}',
  });
  t.strictSame(await reply.json(), { a: [1, 2] });
  t.equal(reply.headers.get('content-type'), 'application/json; charset=utf-8');
});

t.test('request.id, ip, protocol and host are those of the gateway', async (t) => {
  const app = fastify();
  app.get('/who', async ({ id, ip, protocol, host, originalUrl }) => ({ id, ip, protocol, host, originalUrl }));
  const url = await serve(t, app);
  const headers = {
    'x-request-id': 'abc-123',
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'example.org',
    'x-forwarded-prefix': '/shop',
  };
  t.strictSame(await (await fetch(`${url}/who?a=1`, { headers })).json(), {
    id: 'abc-123',
    ip: '192.0.2.7',
    protocol: 'https',
    host: 'example.org',
    originalUrl: '/shop/who?a=1',
  });
});

t.test('a streamed reply arrives with its trailers', async (t) => {
  const app = fastify();
  app.get('/stream', (_request, reply) => {
    reply.trailer('x-sum', async () => '6');
    reply.header('content-type', 'text/plain');
    reply.send(Readable.from(['a', 'bb', 'ccc']));
  });
  const url = await serve(t, app);
  const request = http.get(`${url}/stream`, { agent: false });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of reply) text += chunk;
  t.equal(text, 'abbccc');
  t.equal(reply.trailers['x-sum'], '6');
});

t.test('a client that leaves closes the request and stops the stream behind the reply', async (t) => {
  const app = fastify();
  const source = new PassThrough();
  const closed = new Promise((resolve) => {
    app.get('/endless', (request, reply) => {
      request.raw.on('close', resolve);
      reply.send(source);
    });
  });
  const url = await serve(t, app);
  source.write('first');
  const request = http.get(`${url}/endless`, { agent: false });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(reply, 'data');
  reply.on('error', () => {});
  reply.destroy();
  await closed;
  if (!source.destroyed) await once(source, 'close');
  t.ok(source.destroyed);
});

t.test('request.signal aborts when the client leaves a pending handler', async (t) => {
  const app = fastify();
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  app.get('/slow', (request) => {
    request.signal.addEventListener('abort', () => aborted.resolve());
    started.resolve();
    return new Promise(() => {});
  });
  const url = await serve(t, app);
  const request = http.get(`${url}/slow`, { agent: false });
  request.on('error', () => {});
  await started.promise;
  request.destroy();
  await aborted.promise;
  t.pass('aborted');
});

t.test('an answer whose client has left is not sent twice', async (t) => {
  for (const serveBy of ['the bridge', 'listen'] as const) {
    const lines: string[] = [];
    const app = fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } });
    const [reached, hold, over] = [0, 1, 2].map(() => Promise.withResolvers<void>()) as [Gate, Gate, Gate];
    app.addHook('onSend', async (_request, _reply, payload) => {
      reached.resolve();
      await hold.promise;
      return payload;
    });
    app.get('/', async (_request, reply) => {
      reply.raw.once('close', over.resolve);
      // Waits for the end of the answer, or of the connection.
      return reply.send('late');
    });
    t.teardown(() => app.close());
    const url = serveBy === 'listen' ? await app.listen({ port: 0, host: '127.0.0.1' }) : await serve(t, app);
    const request = http.get(url, { agent: false }).on('error', () => {});
    await reached.promise;
    request.destroy();
    await over.promise;
    hold.resolve();
    // What comes of it comes in the next turns.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    t.strictSame(lines, [], serveBy);
  }
});

t.test('WebSockets of @fastify/websocket talk, and are closed with 1001 by a drain', async (t) => {
  const app = fastify();
  await app.register(websocket);
  app.get('/ws', { websocket: true }, (socket, request) => {
    socket.on('message', (message: Buffer) => socket.send(`${request.ip} said ${message}`));
  });
  const server = await listen(fromFastify(app), '127.0.0.1:0', { log: silent });
  const client = new WebSocket(`ws://127.0.0.1:${(server.address as { port: number }).port}/ws`);
  await once(client, 'open');
  client.send('hello');
  const [message] = await once(client, 'message');
  t.equal(String(message), '127.0.0.1 said hello');
  const closed = once(client, 'close');
  await server.drain();
  t.equal((await closed)[0], 1001);
  t.equal(server.stats().inFlight, 0);
});

t.test('a WebSocket that opens when the drain has begun is closed with 1001 as well', async (t) => {
  const app = fastify();
  await app.register(websocket);
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  app.addHook('onRequest', () => {
    arrived.resolve();
    return released.promise;
  });
  app.get('/ws', { websocket: true }, () => {});
  const server = await listen(fromFastify(app), '127.0.0.1:0', { log: silent });
  const client = new WebSocket(`ws://127.0.0.1:${(server.address as { port: number }).port}/ws`);
  const closed = once(client, 'close');
  await arrived.promise;
  const drained = server.drain();
  released.resolve();
  t.equal((await closed)[0], 1001);
  await drained;
});

t.test('an upgrade that nobody listens for is an ordinary request', async (t) => {
  const app = fastify();
  app.get('/', async () => 'plain');
  const url = await serve(t, app);
  const request = http.get(url, { agent: false, headers: { connection: 'upgrade', upgrade: 'websocket' } });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  t.equal(reply.statusCode, 200);
  reply.resume();
});

t.test('what only listen() would honour is warned of once', async (t) => {
  const app = fastify({ keepAliveTimeout: 1000, requestTimeout: 5000 });
  app.addHook('onListen', async () => {});
  app.register(async (child) => {
    child.addHook('onListen', async () => {});
  });
  const warnings: string[] = [];
  await serve(t, app, { log: { ...silent, warn: (_fields: object, message: string) => void warnings.push(message) } });
  t.equal(warnings.length, 3);
  t.match(warnings[0], /keepAliveTimeout has no effect/);
  t.match(warnings[1], /requestTimeout has no effect/);
  t.match(warnings[2], /onListen hooks/);
});

t.test('a plain application is not warned about, one that was ready before is', async (t) => {
  const warnings: string[] = [];
  const log = { ...silent, warn: (_fields: object, message: string) => void warnings.push(message) };
  await serve(t, fastify(), { log });
  t.strictSame(warnings, []);
  const ready = fastify();
  ready.get('/', async ({ id }) => id);
  await ready.ready();
  // Fastify counts itself as started one turn later.
  await new Promise((resolve) => setImmediate(resolve));
  const url = await serve(t, ready, { log });
  t.match(warnings[0], /ready before/);
  t.equal(await (await fetch(url)).text(), 'req-1');
});

t.test('stop closes the application', async (t) => {
  const app = fastify();
  const closed = new Promise<void>((resolve) => app.addHook('onClose', async () => resolve()));
  const server = await listen(fromFastify(app), '127.0.0.1:0', { log: silent });
  await server.drain();
  await closed;
  t.pass('closed');
});
