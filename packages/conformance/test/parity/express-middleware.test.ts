// Express with the middleware that most applications use: the same replies through fromExpress as on its own listen.

import { once } from 'node:events';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import compression from 'compression';
import express from 'express';
import session from 'express-session';
import { createProxyMiddleware } from 'http-proxy-middleware';
import morgan from 'morgan';
import multer from 'multer';
import t, { type Test } from 'tap';
import { whenRead } from './exchange.ts';
import { bothExpress } from './express.ts';

/** A folder with files whose times are fixed, so that their entity tags are. */
function files(t: Test): string {
  const folder = t.testdir({
    'page.html': '<h1>A page</h1>',
    'digits.txt': '0123456789'.repeat(10),
    'naïve name.txt': 'spelled',
    'empty.css': '',
    '.hidden': 'hidden',
    folder: { 'index.html': 'the index' },
    bare: { 'a.txt': 'a' },
  });
  writeFileSync(join(folder, 'large.bin'), Buffer.alloc(1_000_000, 'abcdefg'));
  mkdirSync(join(folder, '.well-known'));
  writeFileSync(join(folder, '.well-known/x'), 'known');
  const then = new Date('2024-05-06T07:08:09Z');
  for (const name of [
    'page.html',
    'digits.txt',
    'naïve name.txt',
    'empty.css',
    '.hidden',
    'folder/index.html',
    'large.bin',
  ])
    utimesSync(join(folder, name), then, then);
  return folder;
}

t.test('express.static and res.sendFile: whole files, ranges, conditions, HEAD, redirects, dotfiles', async (t) => {
  const root = files(t);
  const { same } = await bothExpress(t, () => {
    const app = express().set('env', 'test');
    app.use('/static', express.static(root, { maxAge: '1d' }));
    app.use('/allow', express.static(root, { dotfiles: 'allow', index: false, redirect: false }));
    app.use('/deny', express.static(root, { dotfiles: 'deny', fallthrough: false }));
    app.get('/send', (_req, res) => res.sendFile('digits.txt', { root, headers: { 'X-Sent': 'yes' } }));
    app.get('/send-missing', (_req, res) => res.sendFile('missing.txt', { root }));
    app.get('/download', (_req, res) => res.download(join(root, 'naïve name.txt')));
    app.use(((error, _req, res, _next) => {
      res.status(error.status ?? 500).send(error.code ?? error.message);
    }) as express.ErrorRequestHandler);
    return app;
  });
  const paths = [
    '/static/page.html',
    '/static/na%C3%AFve%20name.txt',
    '/static/empty.css',
    '/static/large.bin',
    '/static/folder',
  ];
  paths.push('/static/folder/', '/static/missing', '/static/.hidden', '/static/bare/', '/static/../package.json');
  paths.push(
    '/static/%2e%2e/package.json',
    '/static/%00',
    '/static//folder',
    '/allow/.hidden',
    '/allow/folder',
    '/deny/.hidden',
  );
  paths.push('/deny/missing', '/send', '/send-missing', '/download', '/allow/.well-known/x');
  for (const path of paths) {
    await same(t, { path });
    await same(t, { method: 'HEAD', path });
  }
  for (const path of ['/static/digits.txt', '/send']) {
    const { headers } = await same(t, { path });
    const field = (name: string): string => headers.find(([own]) => own === name)?.[1] ?? '';
    for (const range of ['0-9', '95-', '-5', '0-0,98-99', '200-', 'x', '50-40']) {
      await same(t, { path, headers: { Range: `bytes=${range}` } });
      await same(t, { method: 'HEAD', path, headers: { Range: `bytes=${range}` } });
    }
    await same(t, { path, headers: { 'If-None-Match': field('ETag') } });
    await same(t, { path, headers: { 'If-Modified-Since': field('Last-Modified') } });
    await same(t, { path, headers: { 'If-Match': '"other"' } });
    await same(t, { path, headers: { 'If-Unmodified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT' } });
    await same(t, { path, headers: { Range: 'bytes=0-1', 'If-Range': field('ETag') } });
    await same(t, { path, headers: { Range: 'bytes=0-1', 'If-Range': '"other"' } });
  }
  await same(t, { method: 'POST', path: '/static/page.html', body: 'not read' });
  await same(t, { path: '/static/large.bin', headers: { Range: 'bytes=65000-700000' } });
});

t.test('multer: fields, files, 5 MB, limits, what is no form', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express().set('env', 'test');
    const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 6_000_000 } });
    const tell = (req: express.Request, res: express.Response): void => {
      const sent = (req.files as Express.Multer.File[] | undefined) ?? (req.file ? [req.file] : []);
      const list = sent.map(({ buffer, ...rest }) => ({ ...rest, first: buffer[0], last: buffer.at(-1) }));
      res.json({ body: req.body ?? null, list });
    };
    app.post('/single', upload.single('file'), tell);
    app.post('/any', upload.any(), tell);
    app.post('/small', multer({ limits: { fileSize: 10 } }).single('file'), tell);
    app.use(((error, _req, res, _next) => {
      res.status(400).json({ code: error.code, message: error.message });
    }) as express.ErrorRequestHandler);
    return app;
  });
  const headers = { 'Content-Type': 'multipart/form-data; boundary=xx' };
  const part = (name: string, content: Buffer, file?: string): Buffer =>
    Buffer.concat([
      Buffer.from(`--xx\r\nContent-Disposition: form-data; name="${name}"${file ? `; filename="${file}"` : ''}\r\n`),
      Buffer.from(file ? 'Content-Type: application/octet-stream\r\n\r\n' : '\r\n'),
      content,
      Buffer.from('\r\n'),
    ]);
  const form = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, Buffer.from('--xx--\r\n')]);
  const field = part('title', Buffer.from('wörld'));
  const file = part('file', Buffer.from('content'), 'a.bin');
  await same(t, { method: 'POST', path: '/single', headers, body: form(field, file) });
  await same(t, { method: 'POST', path: '/any', headers, body: form(file, field, file) });
  await same(t, {
    method: 'POST',
    path: '/single',
    headers,
    body: form(part('file', Buffer.alloc(5_000_000, 7), 'big')),
  });
  await same(t, { method: 'POST', path: '/single', headers, body: form(part('other', Buffer.from('x'), 'x')) });
  await same(t, { method: 'POST', path: '/small', headers, body: form(part('file', Buffer.alloc(1000), 'x')) });
  await same(t, { method: 'POST', path: '/single', headers, body: Buffer.concat([field, file]) });
  await same(t, { method: 'POST', path: '/single', headers, body: '' });
  await same(t, { method: 'POST', path: '/single', headers: { 'Content-Type': 'multipart/form-data' }, body: 'x' });
  await same(t, { method: 'POST', path: '/single', headers: { 'Content-Type': 'text/plain' }, body: 'x' });
});

t.test('compression: gzip, deflate, br, threshold, HEAD, flushed streams', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.use(compression());
    app.get('/large', (_req, res) => void res.type('text').send('compressible '.repeat(1000)));
    app.get('/json', (_req, res) => void res.json(Array.from({ length: 500 }, (_, i) => ({ i }))));
    app.get('/small', (_req, res) => void res.send('too small'));
    app.get('/image', (_req, res) => void res.type('png').send(Buffer.alloc(5000)));
    app.get(
      '/piped',
      (_req, res) => void Readable.from(['piece '.repeat(500), 'piece '.repeat(500)]).pipe(res.type('text')),
    );
    app.get('/flushed', (_req, res) => {
      res.type('text').write('first');
      res.flush();
      setImmediate(() => res.end('last'));
    });
    app.get('/no-transform', (_req, res) => void res.set('Cache-Control', 'no-transform').send('a'.repeat(5000)));
    app.get('/none', (_req, res) => void res.status(204).end());
    return app;
  });
  for (const coding of ['gzip', 'deflate', 'br', 'identity', 'gzip;q=0', '*']) {
    for (const path of ['/large', '/json', '/small', '/piped', '/flushed']) {
      await same(t, { path, headers: { 'Accept-Encoding': coding } });
    }
    await same(t, { method: 'HEAD', path: '/large', headers: { 'Accept-Encoding': coding } });
  }
  // So that this compares compressed replies, not two that the middleware left alone.
  for (const coding of ['gzip', 'deflate', 'br']) {
    const { headers } = await same(t, { path: '/large', headers: { 'Accept-Encoding': coding } });
    t.equal(headers.find(([name]) => name === 'Content-Encoding')?.[1], coding);
  }
  for (const path of ['/image', '/no-transform', '/none'])
    await same(t, { path, headers: { 'Accept-Encoding': 'gzip' } });
  const first = await same(t, { path: '/large', headers: { 'Accept-Encoding': 'gzip' } });
  const etag = first.headers.find(([name]) => name === 'ETag')?.[1] ?? '';
  await same(t, { path: '/large', headers: { 'Accept-Encoding': 'gzip', 'If-None-Match': etag } });
});

t.test('express-session: set, read back, regenerated, destroyed', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.use(session({ secret: 'a secret for a test', resave: false, saveUninitialized: false, rolling: true }));
    app.get('/count', (req, res) => {
      const own = req.session as unknown as { count?: number };
      own.count = (own.count ?? 0) + 1;
      res.send(`visit ${own.count}`);
    });
    app.get('/idle', (_req, res) => void res.send('no session'));
    app.get('/stream', (req, res) => {
      (req.session as unknown as { streamed: boolean }).streamed = true;
      res.write('streamed');
      res.end();
    });
    app.get('/regenerate', (req, res) => req.session.regenerate(() => res.send('another')));
    app.get('/destroy', (req, res) => req.session.destroy(() => res.send('gone')));
    return app;
  });
  const varies = /connect\.sid=[^;]+/g;
  const cookies = new Map<string, string>();
  await same(t, { path: '/idle' }, { varies, cookies });
  for (const visit of [1, 2, 3]) {
    const { body } = await same(t, { path: '/count' }, { varies, cookies });
    t.equal(String(body), `visit ${visit}`);
  }
  for (const path of ['/stream', '/regenerate', '/count', '/destroy', '/count'])
    await same(t, { path }, { varies, cookies });
  await same(t, { path: '/count', headers: { Cookie: 'connect.sid=s%3Aforged.forged' } }, { varies });
});

t.test('morgan: the same line for the same request', async (t) => {
  const lines = { native: [] as string[], ours: [] as string[] };
  let logged: (() => void) | null = null;
  const { same } = await bothExpress(t, (side) => {
    const app = express().set('env', 'test');
    const format =
      ':remote-addr :remote-user :method :url :http-version :status :res[content-length] :referrer :user-agent';
    const write = (line: string): void => {
      lines[side].push(line.replace(/\d+\.\d{3}/, 'TIME'));
      if (lines.native.length === lines.ours.length) logged?.();
    };
    app.use(morgan(`${format} :response-time :req[host]`, { stream: { write } }));
    app.get('/', (_req, res) => void res.send('logged'));
    app.get('/stream', (_req, res) => void Readable.from(['a', 'b']).pipe(res));
    app.get('/error', () => {
      throw Object.assign(new Error('thrown'), { stack: 'Error: thrown' });
    });
    app.post('/', express.text(), (req, res) => void res.send(req.body));
    return app;
  });
  const requests = [
    { path: '/?a=1', headers: { 'User-Agent': 'a test', Referer: 'http://example.com/' } },
    { path: '/', headers: { Authorization: 'Basic YW5uOnNlY3JldA==' } },
    { method: 'HEAD', path: '/' },
    { path: '/stream' },
    { path: '/nowhere' },
    { path: '/error' },
    { method: 'POST', path: '/', headers: { 'Content-Type': 'text/plain' }, body: 'posted' },
  ];
  for (const [index, request] of requests.entries()) {
    const both = new Promise<void>((resolve) => {
      logged = resolve;
    });
    await same(t, request);
    await both;
    t.equal(lines.ours[index], lines.native[index]);
    t.match(lines.ours[index], 'TIME');
  }
});

t.test('http-proxy-middleware: replies, bodies, streams, and an upstream that is gone', async (t) => {
  const upstream = createServer((req, res) => {
    res.setHeader('X-Upstream', 'yes');
    if (req.url === '/stream') {
      res.write('one ');
      setImmediate(() => res.end('two'));
    } else if (req.url === '/none') res.writeHead(204).end();
    else if (req.url === '/redirect') res.writeHead(302, { Location: '/there', 'Set-Cookie': ['a=1', 'b=2'] }).end();
    else if (req.url === '/break') {
      res.write('a first part');
      whenRead(() => void res.destroy());
    } else if (req.method === 'POST') req.pipe(res);
    else {
      const { host, connection, ...headers } = req.headers;
      res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ url: req.url, headers }));
    }
  });
  const target = await served(upstream);
  t.teardown(() => upstream.close());
  const gone = createServer();
  const nobody = await served(gone);
  gone.close();
  await once(gone, 'close');
  const { same } = await bothExpress(t, () => {
    const app = express().set('env', 'test');
    app.use('/api', createProxyMiddleware({ target }));
    app.use('/gone', createProxyMiddleware({ target: nobody }));
    return app;
  });
  // The upstream's Connection, Keep-Alive and Transfer-Encoding are passed on by the middleware.
  const differs = ['Fields of the connection'] as const;
  for (const path of ['/api', '/api/a?b=c', '/api/stream', '/api/none']) {
    await same(t, { path }, { differs });
    await same(t, { method: 'HEAD', path }, { differs });
  }
  await same(t, { path: '/api/redirect' }, { differs: ['Length of what is whole', 'Fields of the connection'] });
  await same(t, { method: 'POST', path: '/api/echo', body: 'posted' }, { differs });
  await same(t, { method: 'POST', path: '/api/echo', body: ['posted ', 'in ', 'chunks'] }, { differs });
  await same(t, { method: 'POST', path: '/api/echo', body: Buffer.alloc(1_000_000, 'x') }, { differs });
  await same(t, { path: '/gone/x' }, { differs: ['Length of what is whole'] });
  await same(t, { method: 'POST', path: '/gone/x', body: 'posted' }, { differs: ['Length of what is whole'] });
  const errors = ['the response was cut: its body failed after the head was sent'];
  await same(t, { path: '/api/break' }, { differs, errors });
});

async function served(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
