// Fastify's usual plugins: the same replies through fromFastify and adapter-node as on Fastify's own listen.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
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
import { Eta } from 'eta';
import fastify, { type FastifyPluginAsync } from 'fastify';
import t from 'tap';
import { fieldOf, type Sent } from './exchange.ts';
import { bothFastify } from './fastify.ts';

t.test('@fastify/static: whole files, ranges, revalidation, folders, packed files', async (t) => {
  const root = t.testdir({
    'a.txt': 'abcdefghij',
    'b.html': '<p>b</p>',
    'empty.txt': '',
    'big.bin': 'x'.repeat(300_000),
    'code.js': 'plain();',
    'code.js.gz': gzipSync('plain();'),
    'code.js.br': brotliCompressSync('plain();'),
    'with space.txt': 'space',
    sub: { 'index.html': 'index' },
    '.hidden': 'hidden',
  });
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    await app.register(statics, { root, redirect: true, preCompressed: true, list: false });
    await app.register(statics, {
      root,
      prefix: '/cached/',
      decorateReply: false,
      immutable: true,
      maxAge: '1y',
      wildcard: false,
      setHeaders: (reply, path) => void reply.header('X-Path', path.slice(-5)),
    });
    app.get('/sent', (_request, reply) => reply.sendFile('a.txt'));
    app.get('/download', (_request, reply) => reply.download('a.txt', 'quote “1”.txt'));
    return app;
  });
  const whole = await same(t, { path: '/a.txt' });
  const etagOf = fieldOf(whole.headers, 'etag') as string;
  const modified = fieldOf(whole.headers, 'last-modified') as string;
  for (const path of [
    'a.txt',
    'b.html',
    'empty.txt',
    'big.bin',
    'code.js',
    'sub/',
    'sub',
    'missing',
    'with%20space.txt',
  ]) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  for (const path of ['/../secret', '/%2e%2e/secret', '/.hidden', '/a.txt/', '/a%00.txt', '/sent', '/download?x=1']) {
    await same(t, { path });
  }
  for (const coding of ['gzip', 'br', 'gzip, br', 'identity']) {
    await same(t, { path: '/code.js', headers: { 'Accept-Encoding': coding } });
  }
  for (const range of ['bytes=0-3', 'bytes=-2', 'bytes=5-', 'bytes=50-60', 'bytes=0-1,4-5', 'lines=1', 'bytes=3-1']) {
    await same(t, { path: '/a.txt', headers: { Range: range } });
    await same(t, { method: 'HEAD', path: '/a.txt', headers: { Range: range } });
  }
  await same(t, { path: '/a.txt', headers: { Range: 'bytes=0-3', 'If-Range': etagOf } });
  await same(t, { path: '/a.txt', headers: { Range: 'bytes=0-3', 'If-Range': '"other"' } });
  await same(t, { path: '/a.txt', headers: { 'If-None-Match': etagOf } });
  await same(t, { method: 'HEAD', path: '/a.txt', headers: { 'If-None-Match': etagOf } });
  await same(t, { path: '/a.txt', headers: { 'If-Modified-Since': modified } });
  await same(t, { path: '/a.txt', headers: { 'If-Match': '"other"' } });
  await same(t, { path: '/a.txt', headers: { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' } });
  await same(t, { path: '/cached/a.txt' });
  await same(t, { path: '/cached/missing' });
});

t.test('@fastify/multipart takes fields, files, limits, and an upload of 50 MB as a stream', async (t) => {
  const { same } = await bothFastify(t, async () => {
    const app = fastify({ bodyLimit: 60_000_000 });
    await app.register(multipart, { limits: { fileSize: 100_000_000, fields: 2 } });
    app.post('/upload', async (request) => {
      let bytes = 0;
      const fields: unknown[] = [];
      for await (const part of request.parts()) {
        if (part.type === 'field') fields.push([part.fieldname, part.value]);
        else {
          for await (const chunk of part.file) bytes += chunk.length;
          fields.push([part.fieldname, part.filename, part.mimetype, part.encoding]);
        }
      }
      return { bytes, fields };
    });
    app.post('/small', async (request) => {
      const file = await request.file({ limits: { fileSize: 5 } });
      return { length: (await file?.toBuffer())?.length ?? null };
    });
    app.post('/unread', async () => 'not read');
    return app;
  });
  const part = (head: string, body: Buffer) =>
    Buffer.concat([Buffer.from(`--B\r\nContent-Disposition: form-data; ${head}\r\n\r\n`), body, Buffer.from('\r\n')]);
  const form = (...parts: Buffer[]) => Buffer.concat([...parts, Buffer.from('--B--\r\n')]);
  const title = part('name="title"', Buffer.from('a film'));
  const file = part('name="file"; filename="f.txt"', Buffer.from('0123456789'));
  const headers = { 'Content-Type': 'multipart/form-data; boundary=B' };
  const post = (path: string, body: Sent['body'] & {}): Sent => ({ method: 'POST', path, headers, body });

  const big = part('name="file"; filename="f.bin"', Buffer.alloc(50_000_000, 'x'));
  const reply = await same(t, post('/upload', form(title, big)));
  t.match(String(reply.body), '"bytes":50000000');
  await same(t, post('/upload', form(title, file)));
  await same(t, post('/upload', [String(form(title)).slice(0, 20), String(form(title)).slice(20)]));
  await same(t, post('/upload', form(title, title, title)));
  await same(t, post('/upload', '--B\r\nbroken'));
  await same(t, post('/upload', ''));
  await same(t, post('/small', form(file)));
  await same(t, post('/unread', form(file)));
  await same(t, { method: 'POST', path: '/upload', headers: { 'Content-Type': 'application/json' }, body: '{}' });
});

t.test('@fastify/compress packs replies and unpacks requests', async (t) => {
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    await app.register(compress, { threshold: 100 });
    app.get('/long', async () => ({ text: 'abc'.repeat(1000) }));
    app.get('/stream', (_request, reply) => reply.type('text/plain').send(Readable.from(['abc'.repeat(1000)])));
    app.get('/short', async () => ({ a: 1 }));
    app.get('/image', (_request, reply) => reply.type('image/png').send(Buffer.alloc(1000)));
    app.get('/own', (_request, reply) => reply.type('text/plain').compress(Readable.from(['abc'.repeat(1000)])));
    app.post('/unpack', async (request) => request.body);
    return app;
  });
  for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'identity', '*', 'unknown, *;q=0', 'br;q=0.5, gzip']) {
    for (const path of ['/long', '/stream', '/short', '/image', '/own']) {
      await same(t, { path, headers: { 'Accept-Encoding': coding } });
    }
  }
  await same(t, { method: 'HEAD', path: '/long', headers: { 'Accept-Encoding': 'gzip' } });
  const text = JSON.stringify({ packed: true });
  const unpack = (coding: string, body: string | Buffer): Sent => ({
    method: 'POST',
    path: '/unpack',
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': coding },
    body,
  });
  await same(t, unpack('gzip', gzipSync(text)));
  await same(t, unpack('br', brotliCompressSync(text)));
  await same(t, unpack('deflate', deflateSync(text)));
  await same(t, unpack('unknown', text));
  await same(t, unpack('gzip', 'not gzip'), { differs: ['Fields of the connection'] });
});

t.test('@fastify/cookie and @fastify/session keep a visitor', async (t) => {
  const secret = 'a secret of at least thirty-two characters';
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    await app.register(cookie, { secret });
    await app.register(session, { secret, cookie: { secure: 'auto' } });
    app.get('/count', async (request) => {
      const stored = request.session as unknown as { visits?: number };
      stored.visits = (stored.visits ?? 0) + 1;
      return { visits: stored.visits };
    });
    app.get('/leave', async (request) => {
      // Movie Quotes, checked as part of the same program, has a session of another kind.
      await (request.session as unknown as { destroy(): Promise<void> }).destroy();
      return 'gone';
    });
    app.get('/cookie', async (request, reply) => {
      reply.setCookie('plain', 'välue', { path: '/', httpOnly: true, sameSite: 'lax', maxAge: 60 });
      reply.setCookie('signed', 'value', { signed: true }).clearCookie('gone');
      return { ...request.cookies, unsigned: request.unsignCookie(request.cookies.signed ?? 'x.y') };
    });
    return app;
  });
  const cookies = new Map<string, string>();
  const varies = /sessionId=[^;"]+|Expires=[^;]+|"sessionId":"[^"]+"/g;
  for (let visit = 1; visit <= 3; visit++) {
    const reply = await same(t, { path: '/count' }, { cookies, varies });
    t.match(String(reply.body), `"visits":${visit}`);
  }
  await same(t, { path: '/leave' }, { cookies, varies });
  await same(t, { path: '/count' }, { cookies, varies });
  await same(t, { path: '/cookie', headers: { Cookie: 'a=1; b=%20; signed=tampered.abc' } }, { varies });
});

t.test('@fastify/cors, @fastify/helmet, @fastify/etag and @fastify/formbody', async (t) => {
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    await app.register(cors, { origin: ['https://a.example'], credentials: true, exposedHeaders: ['X-A'], maxAge: 60 });
    await app.register(helmet, { enableCSPNonces: false });
    await app.register(etag);
    await app.register(formbody);
    app.get('/', async () => ({ a: 1 }));
    app.get('/stream', (_request, reply) => reply.send(Readable.from(['no tag'])));
    app.post('/form', async (request) => request.body);
    return app;
  });
  const origin = { Origin: 'https://a.example' };
  await same(t, { path: '/', headers: origin });
  await same(t, { path: '/', headers: { Origin: 'https://b.example' } });
  const preflight = { ...origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'x-a, x-b' };
  const empty = ['Length of a 204'] as const;
  await same(t, { method: 'OPTIONS', path: '/', headers: preflight }, { differs: empty });
  await same(t, { method: 'OPTIONS', path: '/elsewhere', headers: preflight }, { differs: empty });
  await same(t, { method: 'OPTIONS', path: '/', headers: origin });
  const reply = await same(t, { path: '/' });
  const tag = fieldOf(reply.headers, 'etag') as string;
  await same(t, { path: '/', headers: { 'If-None-Match': tag } });
  await same(t, { method: 'HEAD', path: '/' });
  await same(t, { path: '/stream' });
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await same(t, { method: 'POST', path: '/form', headers: form, body: 'a=1&b=two+words&a=2&c=%C3%BC' });
});

t.test('@fastify/rate-limit counts by address and refuses', async (t) => {
  for (const enableDraftSpec of [false, true]) {
    const { same } = await bothFastify(t, async () => {
      const app = fastify();
      await app.register(rateLimit, { max: 3, timeWindow: '1 hour', enableDraftSpec });
      app.get('/', async (request) => ({ ip: request.ip }));
      return app;
    });
    const codes: string[] = [];
    for (let i = 0; i < 5; i++) codes.push((await same(t, { path: '/' }, { varies: /"message":"[^"]*"/ })).start);
    t.equal(codes.filter((start) => start.includes('429')).length, 2);
  }
});

t.test('@fastify/view renders', async (t) => {
  const templates = t.testdir({ 'page.eta': '<h1><%= it.title %></h1>' });
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    await app.register(view, { engine: { eta: new Eta() }, root: templates });
    app.get('/', (_request, reply) => reply.view('page.eta', { title: 'A <film>' }));
    app.get('/missing', (_request, reply) => reply.view('missing.eta', {}));
    return app;
  });
  await same(t, { path: '/' });
  await same(t, { method: 'HEAD', path: '/' });
  await same(t, { path: '/missing' });
});

t.test('@fastify/http-proxy passes requests on', async (t) => {
  const upstream = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      res.setHeader('X-Upstream', 'yes');
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      if (req.url === '/broken') res.destroy();
      if (req.url === '/unchanged') res.statusCode = 304;
      if (req.url?.startsWith('/chunks')) res.write('first ');
      const { 'content-type': type = null, 'x-forwarded-host': host = null } = req.headers;
      res.end(JSON.stringify({ method: req.method, url: req.url, body, type, host }));
    });
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const { same } = await bothFastify(t, () =>
    fastify().register(proxy, { upstream: `http://127.0.0.1:${port}`, prefix: '/api' }),
  );
  // The upstream's own Connection and Keep-Alive are passed on by the proxy.
  const differs = ['Fields of the connection'] as const;
  await same(t, { path: '/api/things?a=1' }, { differs });
  await same(t, { path: '/api/chunks' }, { differs });
  await same(t, { path: '/api/unchanged' }, { differs });
  await same(t, { method: 'HEAD', path: '/api/things' }, { differs });
  await same(
    t,
    { method: 'POST', path: '/api/things', headers: { 'Content-Type': 'text/plain' }, body: 'passed on' },
    { differs },
  );
  await same(t, { method: 'POST', path: '/api/things', body: ['in ', 'chunks'] }, { differs });
  await same(t, { method: 'DELETE', path: '/api/things/1' }, { differs });
  await same(t, { path: '/api/broken' });
  await same(t, { path: '/elsewhere' });
});

t.test('server-sent events, by hand and by @fastify/sse', async (t) => {
  const { same } = await bothFastify(t, async () => {
    const app = fastify();
    // Its types say that a CommonJS module has a default export.
    await app.register(sse as unknown as FastifyPluginAsync);
    app.get('/raw', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      let number = 0;
      const timer = setInterval(() => {
        number++;
        reply.raw.write(`id: ${number}\ndata: ${number}\n\n`);
        if (number < 3) return;
        clearInterval(timer);
        reply.raw.end();
      }, 5);
    });
    app.get('/plugin', { sse: true }, async (_request, reply) => {
      await reply.sse.send({ id: '1', event: 'quote', data: { a: 1 } });
      await reply.sse.send({ id: '2', data: 'two' });
    });
    app.get('/generated', { sse: true }, async (request, reply) => {
      await reply.sse.send(
        (async function* () {
          yield { data: 'one' };
          yield { data: request.headers['last-event-id'] ?? 'none' };
        })(),
      );
    });
    return app;
  });
  const headers = { Accept: 'text/event-stream', 'Last-Event-ID': '7' };
  await same(t, { path: '/raw' });
  const differs = ['Fields of the connection'] as const;
  await same(t, { path: '/plugin', headers }, { differs });
  await same(t, { path: '/generated', headers }, { differs });
  await same(t, { path: '/plugin' });
});
