// Fastify and its usual plugins: the same replies through fromFastify and adapter-node as on Fastify's own listen.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import etag from '@fastify/etag';
import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import proxy from '@fastify/http-proxy';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import session from '@fastify/session';
import sse from '@fastify/sse';
import statics from '@fastify/static';
import view from '@fastify/view';
import websocket from '@fastify/websocket';
import { fromFastify } from '@tsgi/bridge-node';
import { Eta } from 'eta';
import fastify, { type FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { type Pair, pair } from '../fixtures/parity.ts';

type Make = () => FastifyInstance | Promise<FastifyInstance>;

function both(t: Test, make: Make): Promise<Pair> {
  return pair(
    t,
    async () => {
      const app = await make();
      await app.listen({ port: 0, host: '127.0.0.1' });
      return { port: app.addresses()[0]?.port as number, close: () => app.close() };
    },
    async () => fromFastify(await make()),
  );
}

t.test('replies of every kind: JSON, text, buffers, streams, web streams, nothing', async (t) => {
  const { same } = await both(t, () => {
    const app = fastify();
    app.get('/json', async () => ({ hello: 'wörld' }));
    app.get('/text', (_request, reply) => reply.type('text/plain').send('text with ünicode'));
    app.get('/buffer', async () => Buffer.from([0, 1, 2, 255]));
    app.get('/stream', (_request, reply) => reply.send(Readable.from(['one', 'two', 'three'])));
    app.get('/sized', (_request, reply) => reply.header('Content-Length', 6).send(Readable.from(['one', 'two'])));
    app.get('/web', (_request, reply) =>
      reply.send(new Response('from a Response', { status: 203, headers: { 'x-a': 'b' } })),
    );
    app.get('/empty', (_request, reply) => reply.send());
    app.get('/none', (_request, reply) => reply.code(204).send());
    app.get('/unchanged', (_request, reply) => reply.code(304).send());
    app.get('/redirect', (_request, reply) => reply.redirect('/json', 303));
    app.get('/cookies', (_request, reply) =>
      reply.header('Set-Cookie', ['a=1', 'b=2']).header('X-CamelCase', 'Kept').send('ok'),
    );
    app.get('/trailers', (_request, reply) => {
      reply.trailer('X-Sum', async () => '42');
      return reply.send(Readable.from(['body']));
    });
    app.get('/raw', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'Content-Type': 'text/plain', 'X-Raw': 'yes' });
      reply.raw.write('written ');
      reply.raw.end('by hand');
    });
    app.get('/raw-short', (_request, reply) => {
      reply.hijack();
      reply.raw.setHeader('X-One', '1');
      reply.raw.end('implicit head');
    });
    app.head('/own-head', (_request, reply) => reply.header('x-head', 'own').send());
    return app;
  });
  const paths = [
    'json',
    'text',
    'buffer',
    'stream',
    'sized',
    'web',
    'empty',
    'none',
    'unchanged',
    'redirect',
    'cookies',
    'trailers',
    'raw',
    'raw-short',
  ];
  for (const path of paths) await same(t, { path: `/${path}` });
  for (const path of ['json', 'text', 'buffer', 'stream', 'none', 'own-head'])
    await same(t, { method: 'HEAD', path: `/${path}` });
});

t.test('errors: 404, validation, thrown, handled, too large, bad JSON, bad address', async (t) => {
  const { same } = await both(t, () => {
    const app = fastify({ bodyLimit: 100 });
    app.post(
      '/validated',
      { schema: { body: { type: 'object', required: ['a'], properties: { a: { type: 'number' } } } } },
      async (request) => request.body,
    );
    app.get('/throws', async () => {
      throw Object.assign(new Error('broken'), { statusCode: 418 });
    });
    app.register(async (child) => {
      child.setErrorHandler((error: Error, _request, reply) => reply.code(502).send({ handled: error.message }));
      child.get('/handled', async () => {
        throw new Error('inside');
      });
    });
    app.get('/params/:id', async (request) => request.params);
    return app;
  });
  const json = { 'Content-Type': 'application/json' };
  await same(t, { path: '/missing' });
  await same(t, { method: 'POST', path: '/validated', headers: json, body: '{"a":1}' });
  await same(t, { method: 'POST', path: '/validated', headers: json, body: '{"b":1}' });
  await same(t, { method: 'POST', path: '/validated', headers: json, body: '{broken' });
  await same(t, { method: 'POST', path: '/validated', headers: json, body: '' });
  await same(t, { method: 'POST', path: '/validated', headers: json, body: `{"a":${'1'.repeat(200)}}` });
  await same(t, { method: 'POST', path: '/validated', headers: { 'Content-Type': 'text/unknown' }, body: 'x' });
  await same(t, { path: '/throws' });
  await same(t, { path: '/handled' });
  await same(t, { path: '/params/%zz' });
  await same(t, { method: 'PUT', path: '/throws' });
  await same(t, { method: 'OPTIONS', path: '/throws' });
});

t.test('@fastify/static: whole files, ranges, revalidation, folders', async (t) => {
  const root = t.testdir({ 'a.txt': 'abcdefghij', 'b.html': '<p>b</p>', sub: { 'index.html': 'index' } });
  const { same } = await both(t, () => fastify().register(statics, { root, redirect: true }));
  const whole = await same(t, { path: '/a.txt' });
  const fieldOf = (name: string) => whole.headers.find(([spelled]) => spelled.toLowerCase() === name)?.[1] as string;
  await same(t, { method: 'HEAD', path: '/a.txt' });
  await same(t, { path: '/b.html' });
  for (const range of ['bytes=0-3', 'bytes=-2', 'bytes=5-', 'bytes=50-60', 'bytes=0-1,4-5', 'lines=1']) {
    await same(t, { path: '/a.txt', headers: { Range: range } }, { varies: /--[\w-]{10,}/g });
  }
  await same(t, { path: '/a.txt', headers: { 'If-None-Match': fieldOf('etag') } });
  await same(t, { path: '/a.txt', headers: { 'If-Modified-Since': fieldOf('last-modified') } });
  for (const path of ['/sub', '/sub/', '/missing', '/../secret', '/.hidden']) await same(t, { path });
});

t.test('@fastify/multipart takes an upload of 50 MB as a stream', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(multipart, { limits: { fileSize: 100_000_000 } });
    app.post('/upload', async (request) => {
      let bytes = 0;
      const fields: string[] = [];
      for await (const part of request.parts()) {
        if (part.type === 'field') fields.push(part.fieldname);
        else for await (const chunk of part.file) bytes += chunk.length;
      }
      return { bytes, fields };
    });
    return app;
  });
  const part = (head: string, body: Buffer) =>
    Buffer.concat([Buffer.from(`--B\r\nContent-Disposition: form-data; ${head}\r\n\r\n`), body, Buffer.from('\r\n')]);
  const body = Buffer.concat([
    part('name="title"', Buffer.from('a film')),
    part('name="file"; filename="f.bin"', Buffer.alloc(50_000_000, 'x')),
    Buffer.from('--B--\r\n'),
  ]);
  const headers = { 'Content-Type': 'multipart/form-data; boundary=B' };
  const reply = await same(t, { method: 'POST', path: '/upload', headers, body });
  t.match(String(reply.body), '"bytes":50000000');
  await same(t, { method: 'POST', path: '/upload', headers, body: '--B\r\nbroken' });
  await same(t, { method: 'POST', path: '/upload', headers: { 'Content-Type': 'application/json' }, body: '{}' });
});

t.test('@fastify/compress packs replies and unpacks requests', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(compress, { threshold: 100 });
    app.get('/long', async () => ({ text: 'abc'.repeat(1000) }));
    app.get('/stream', (_request, reply) => reply.type('text/plain').send(Readable.from(['abc'.repeat(1000)])));
    app.get('/short', async () => ({ a: 1 }));
    app.post('/unpack', async (request) => request.body);
    return app;
  });
  for (const coding of ['gzip', 'br', 'deflate', 'identity', 'unknown, *;q=0']) {
    for (const path of ['/long', '/stream', '/short']) await same(t, { path, headers: { 'Accept-Encoding': coding } });
  }
  const text = JSON.stringify({ packed: true });
  const headers = { 'Content-Type': 'application/json' };
  await same(t, {
    method: 'POST',
    path: '/unpack',
    headers: { ...headers, 'Content-Encoding': 'gzip' },
    body: gzipSync(text),
  });
  await same(t, {
    method: 'POST',
    path: '/unpack',
    headers: { ...headers, 'Content-Encoding': 'br' },
    body: brotliCompressSync(text),
  });
  await same(t, {
    method: 'POST',
    path: '/unpack',
    headers: { ...headers, 'Content-Encoding': 'gzip' },
    body: 'not gzip',
  });
});

t.test('@fastify/cookie and @fastify/session keep a visitor', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(cookie, { secret: 'a secret of at least thirty-two characters' });
    await app.register(session, { secret: 'a secret of at least thirty-two characters', cookie: { secure: false } });
    app.get('/count', async (request) => {
      const stored = request.session as unknown as { visits?: number };
      stored.visits = (stored.visits ?? 0) + 1;
      return { visits: stored.visits };
    });
    app.get('/cookie', async (request, reply) => {
      reply.setCookie('plain', 'value', { path: '/', httpOnly: true, sameSite: 'lax' });
      reply.setCookie('signed', 'value', { signed: true }).clearCookie('gone');
      return request.cookies;
    });
    return app;
  });
  const cookies = new Map<string, string>();
  const varies = /sessionId=[^;]+|Expires=[^;]+/g;
  for (let visit = 1; visit <= 3; visit++) {
    const reply = await same(t, { path: '/count' }, { cookies, varies });
    t.match(String(reply.body), `"visits":${visit}`);
  }
  await same(t, { path: '/cookie', headers: { Cookie: 'a=1; b=%20' } }, { varies });
});

t.test('@fastify/cors, @fastify/helmet, @fastify/etag and @fastify/formbody', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(cors, { origin: ['https://a.example'], credentials: true, exposedHeaders: ['X-A'] });
    await app.register(helmet, { enableCSPNonces: false });
    await app.register(etag);
    await app.register(formbody);
    app.get('/', async () => ({ a: 1 }));
    app.post('/form', async (request) => request.body);
    return app;
  });
  const origin = { Origin: 'https://a.example' };
  await same(t, { path: '/', headers: origin });
  await same(t, { path: '/', headers: { Origin: 'https://b.example' } });
  await same(t, { method: 'OPTIONS', path: '/', headers: { ...origin, 'Access-Control-Request-Method': 'PUT' } });
  await same(t, { method: 'OPTIONS', path: '/', headers: origin });
  const reply = await same(t, { path: '/' });
  const tag = reply.headers.find(([name]) => name.toLowerCase() === 'etag')?.[1] as string;
  await same(t, { path: '/', headers: { 'If-None-Match': tag } });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await same(t, { method: 'POST', path: '/form', headers: form, body: 'a=1&b=two+words&a=2' });
});

t.test('@fastify/rate-limit counts by address and refuses', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(rateLimit, { max: 3, timeWindow: '1 hour', enableDraftSpec: true });
    app.get('/', async (request) => ({ ip: request.ip }));
    return app;
  });
  const codes: string[] = [];
  for (let i = 0; i < 5; i++) codes.push((await same(t, { path: '/' }, { varies: /"message":"[^"]*"/ })).start);
  t.equal(codes.filter((start) => start.includes('429')).length, 2);
});

t.test('@fastify/view renders, and decorators and hooks run', async (t) => {
  const templates = t.testdir({ 'page.eta': '<h1><%= it.title %></h1>' });
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(view, { engine: { eta: new Eta() }, root: templates });
    app.decorateRequest('startedBy', '');
    app.addHook('onRequest', async (request) => {
      (request as unknown as { startedBy: string }).startedBy = request.method;
    });
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('X-Hook', 'onSend');
      return payload;
    });
    app.get('/', (_request, reply) => reply.view('page.eta', { title: 'A <film>' }));
    app.get('/who', async (request) => ({ by: (request as unknown as { startedBy: string }).startedBy }));
    return app;
  });
  await same(t, { path: '/' });
  await same(t, { path: '/who' });
});

t.test('@fastify/http-proxy passes requests on', async (t) => {
  const upstream = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      res.setHeader('X-Upstream', 'yes');
      if (req.url?.startsWith('/chunks')) res.write('first ');
      res.end(JSON.stringify({ method: req.method, url: req.url, body, type: req.headers['content-type'] ?? null }));
    });
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  const { port } = upstream.address() as { port: number };
  const { same } = await both(t, () =>
    fastify().register(proxy, { upstream: `http://127.0.0.1:${port}`, prefix: '/api' }),
  );
  await same(t, { path: '/api/things?a=1' });
  await same(t, { path: '/api/chunks' });
  await same(t, { method: 'POST', path: '/api/things', headers: { 'Content-Type': 'text/plain' }, body: 'passed on' });
  await same(t, { method: 'DELETE', path: '/api/things/1' });
  await same(t, { path: '/elsewhere' });
});

t.test('server-sent events, by hand and by @fastify/sse', async (t) => {
  const { same } = await both(t, async () => {
    const app = fastify();
    await app.register(sse as never);
    app.get('/raw', (_request, reply) => {
      reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      for (const number of [1, 2, 3]) reply.raw.write(`id: ${number}\ndata: ${number}\n\n`);
      reply.raw.end();
      return reply.hijack();
    });
    app.get('/plugin', { sse: true } as never, async (_request, reply) => {
      await (reply as unknown as { sse: { send(source: object): Promise<void> } }).sse.send({
        id: '1',
        data: { a: 1 },
      });
      await (reply as unknown as { sse: { send(source: object): Promise<void> } }).sse.send({ id: '2', data: 'two' });
    });
    return app;
  });
  await same(t, { path: '/raw' });
  await same(t, { path: '/plugin', headers: { Accept: 'text/event-stream' } });
});

t.test('@fastify/websocket: handshake, messages, pings, close codes, and paths without one', async (t) => {
  const servers = await both(t, async () => {
    const app = fastify();
    await app.register(websocket);
    app.addHook('preValidation', async (request, reply) => {
      if (request.url === '/forbidden') await reply.code(403).send('no');
    });
    app.get('/echo', { websocket: true }, (socket, request) => {
      socket.on('message', (data: Buffer, binary: boolean) => {
        if (String(data) === 'bye') socket.close(4001, 'as asked');
        else socket.send(binary ? data : `${request.ip} ${data}`, { binary });
      });
    });
    app.get('/forbidden', { websocket: true }, () => {});
    app.get('/plain', async () => 'plain');
    return app;
  });
  const talk = async (port: number) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/echo`);
    const heard: unknown[] = [];
    client.on('message', (data: Buffer, binary: boolean) => heard.push([data.toString('base64'), binary]));
    client.on('pong', (data) => heard.push(['pong', String(data)]));
    await once(client, 'open');
    client.send('hello');
    await once(client, 'message');
    client.send(Buffer.alloc(100_000, 'b'));
    await once(client, 'message');
    client.ping('p');
    await once(client, 'pong');
    client.send('bye');
    const [code, reason] = await once(client, 'close');
    return [...heard, code, String(reason)];
  };
  t.strictSame(await talk(servers.ours), await talk(servers.native));
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
  };
  await servers.same(t, { path: '/echo', headers: upgrade });
  await servers.same(t, { path: '/echo' });
  await servers.same(t, { path: '/plain' });
  await servers.same(t, { path: '/plain', headers: upgrade });
  await servers.same(t, { path: '/missing', headers: upgrade });
  await servers.same(t, { path: '/forbidden', headers: upgrade });
  await servers.same(t, { path: '/echo', headers: { ...upgrade, 'Sec-WebSocket-Version': '7' } });
});

t.test('an aborted request runs onRequestAbort and aborts request.signal', async (t) => {
  const heard: Record<string, string[]> = { native: [], ours: [] };
  const gone: Promise<unknown>[] = [];
  const make = (side: string) => () => {
    const app = fastify();
    const over = Promise.withResolvers<void>();
    gone.push(over.promise);
    app.addHook('onRequestAbort', (_request, done) => {
      heard[side]?.push('onRequestAbort');
      if (heard[side]?.length === 2) over.resolve();
      done();
    });
    app.get('/', (request) => {
      request.signal.addEventListener('abort', () => {
        heard[side]?.push('signal');
        if (heard[side]?.length === 2) over.resolve();
      });
      heard[side]?.splice(0);
      return new Promise(() => {});
    });
    return app;
  };
  const makers = [make('native'), make('ours')];
  const servers = await both(t, () => (makers.shift() as Make)());
  for (const port of [servers.native, servers.ours]) {
    const controller = new AbortController();
    const sent = fetch(`http://127.0.0.1:${port}/`, { signal: controller.signal }).catch(() => {});
    // The handler runs within the connection's first turns; leaving earlier would be another test.
    setTimeout(() => controller.abort(), 100);
    await sent;
  }
  await Promise.all(gone);
  t.strictSame(heard.ours?.toSorted(), heard.native?.toSorted());
});
