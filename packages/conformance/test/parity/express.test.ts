// Express itself: the same replies through fromExpress and adapter-node as on its own listen.

import { Readable } from 'node:stream';
import { fromExpress } from '@tsgi/bridge-node';
import { mount } from '@tsgi/core';
import express, { type Express } from 'express';
import t from 'tap';
import { whenRead } from './exchange.ts';
import { bothExpress, listening } from './express.ts';
import { pair } from './pair.ts';

t.test('replies of every kind', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express().set('env', 'test');
    app.get('/text', (_req, res) => void res.send('text with ünicode'));
    app.get('/json', (_req, res) => void res.json({ hello: 'wörld' }));
    app.get('/jsonp', (_req, res) => void res.jsonp({ hello: 'world' }));
    app.get('/buffer', (_req, res) => void res.send(Buffer.from([0, 1, 2, 255])));
    app.get('/big', (_req, res) => void res.send('wörld '.repeat(50_000)));
    app.get('/type', (_req, res) => void res.type('xml').send('<a/>'));
    app.get('/created', (_req, res) => void res.status(201).location('/text').json({ id: 1 }));
    app.get('/none', (_req, res) => void res.status(204).send());
    app.get('/none-end', (_req, res) => void res.status(204).end());
    app.get('/none-body', (_req, res) => void res.status(204).send('no body may follow'));
    app.get('/reset', (_req, res) => void res.status(205).send());
    app.get('/unchanged', (_req, res) => void res.status(304).end());
    app.get('/status', (_req, res) => void res.sendStatus(418));
    app.get('/empty', (_req, res) => void res.send());
    app.get('/end', (_req, res) => void res.end());
    app.get('/end-text', (_req, res) => void res.end('ended'));
    app.get('/redirect', (_req, res) => res.redirect('/text?a=ü'));
    app.get('/moved', (_req, res) => res.redirect(301, '../json'));
    app.get(
      '/links',
      (_req, res) => void res.links({ next: '/2', last: '/9' }).vary('Accept').append('X-A', ['1', '2']).send('l'),
    );
    app.get('/attachment', (_req, res) => void res.attachment('naïve.txt').send('attached'));
    app.get('/reason', (_req, res) => {
      res.statusMessage = 'Quite Fine';
      res.send('ok');
    });
    app.get('/cookies', (_req, res) => {
      res
        .cookie('plain', 'a b')
        .cookie('full', { a: 1 }, { httpOnly: true, path: '/x', sameSite: 'lax', secure: true });
      res.clearCookie('old', { path: '/' }).set('X-CamelCase', 'Kept').send('set');
    });
    app.get('/format', (_req, res) => {
      res.format({
        text: () => res.send('text'),
        html: () => res.send('<p>html'),
        json: () => res.send({ json: true }),
      });
    });
    app.get('/powered', (_req, res) => {
      res.removeHeader('X-Powered-By');
      res.send('nobody');
    });
    return app;
  });
  await same(t, { path: '/reason' }, { differs: ['Reason phrase'] });
  const paths = [
    'text',
    'json',
    'jsonp',
    'jsonp?callback=call',
    'buffer',
    'big',
    'type',
    'created',
    'none',
    'none-end',
  ];
  paths.push('none-body', 'reset', 'unchanged', 'status', 'empty', 'end', 'redirect', 'moved', 'links', 'attachment');
  paths.push('cookies', 'format', 'end-text');
  for (const path of paths) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  await same(t, { path: '/powered' });
  for (const accept of ['text/html', 'application/json', 'image/png', 'text/html;q=0.1, text/plain']) {
    await same(t, { path: '/format', headers: { Accept: accept } });
  }
  await same(t, { path: '/redirect', headers: { Accept: 'text/html' } });
  await same(t, { method: 'OPTIONS', path: '/text' });
  await same(t, { path: '/text', version: '1.0' });
});

t.test('a reply that the client still has is 304', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/', (_req, res) => void res.send('a page that has not changed'));
    app.get('/dated', (_req, res) => void res.set('Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT').send('dated'));
    app.get('/strong', (_req, res) => void res.set('ETag', '"own"').send('own'));
    return app;
  });
  const first = await same(t, { path: '/' });
  const etag = first.headers.find(([name]) => name === 'ETag')?.[1] ?? '';
  t.not(etag, '');
  await same(t, { path: '/', headers: { 'If-None-Match': etag } });
  await same(t, { method: 'HEAD', path: '/', headers: { 'If-None-Match': etag } });
  await same(t, { path: '/', headers: { 'If-None-Match': '"another"' } });
  await same(t, { path: '/', headers: { 'If-None-Match': etag, 'Cache-Control': 'no-cache' } });
  await same(t, { path: '/dated', headers: { 'If-Modified-Since': 'Sun, 06 Nov 1994 08:49:37 GMT' } });
  await same(t, { path: '/strong', headers: { 'If-None-Match': '"own"' } });
});

t.test('replies written in chunks', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/chunks', (_req, res) => {
      res.type('text');
      res.write('one ');
      res.write(Buffer.from('two '));
      setImmediate(() => res.end('three'));
    });
    app.get('/at-once', (_req, res) => {
      res.write('one ');
      res.end('two');
    });
    app.get('/sized', (_req, res) => {
      res.set('Content-Length', '7');
      res.write('one ');
      res.end('two');
    });
    app.get('/head', (_req, res) => {
      res.writeHead(202, 'Taken', { 'x-lower': '1', 'X-Upper': '2' });
      res.write('by hand');
      res.end();
    });
    app.get('/piped', (_req, res) => void Readable.from(['a', 'b', 'c']).pipe(res));
    app.get('/large', (_req, res) => {
      const pieces = function* () {
        for (let i = 0; i < 64; i++) yield Buffer.alloc(65_536, i);
      };
      Readable.from(pieces()).pipe(res);
    });
    app.get('/events', (_req, res) => {
      res.set('Content-Type', 'text/event-stream').flushHeaders();
      res.write('data: 1\n\n');
      setImmediate(() => res.end('data: 2\n\n'));
    });
    return app;
  });
  for (const path of ['chunks', 'at-once', 'sized', 'piped', 'large', 'events']) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  await same(t, { path: '/head' }, { differs: ['Reason phrase'] });
  await same(t, { path: '/chunks', version: '1.0' });
});

t.test('bodies: JSON, urlencoded, text, raw, and what is refused', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    const echo = (req: express.Request, res: express.Response): void =>
      void res.json({ body: Buffer.isBuffer(req.body) ? req.body.toString('hex') : (req.body ?? 'none') });
    app.post('/json', express.json({ limit: 100 }), echo);
    app.post('/form', express.urlencoded({ extended: true }), echo);
    app.post('/plain-form', express.urlencoded({ limit: 10 }), echo);
    app.post('/text', express.text(), echo);
    app.post('/raw', express.raw({ type: '*/*' }), echo);
    app.post('/ignored', (_req, res) => void res.send('not read'));
    app.post('/pipe', (req, res) => void req.pipe(res));
    app.post('/iterate', async (req, res) => {
      let size = 0;
      for await (const chunk of req) size += chunk.length;
      res.json({ size });
    });
    return quiet(app);
  });
  const json = { 'Content-Type': 'application/json' };
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await same(t, { method: 'POST', path: '/json', headers: json, body: '{"a":"ü"}' });
  await same(t, { method: 'POST', path: '/json', headers: json, body: ['{"a":', '1}'] });
  await same(t, { method: 'POST', path: '/json', headers: json });
  await same(t, { method: 'POST', path: '/json', headers: json, body: '' });
  await same(t, { method: 'POST', path: '/json', headers: json, body: '{"a":' });
  await same(t, { method: 'POST', path: '/json', headers: json, body: `"${'a'.repeat(200)}"` });
  await same(t, { method: 'POST', path: '/json', headers: json, body: ['"', 'a'.repeat(200), '"'] });
  await same(t, {
    method: 'POST',
    path: '/json',
    headers: { 'Content-Type': 'application/json; charset=x' },
    body: '{}',
  });
  await same(t, { method: 'POST', path: '/json', headers: { ...json, 'Content-Encoding': 'odd' }, body: '{}' });
  await same(t, { method: 'POST', path: '/json', headers: form, body: 'a=1' });
  await same(t, { method: 'POST', path: '/form', headers: form, body: 'a[b]=1&a[c]=2&d=%C3%BC+e' });
  await same(t, { method: 'POST', path: '/plain-form', headers: form, body: 'a=1&b=2' });
  await same(t, { method: 'POST', path: '/plain-form', headers: form, body: 'a=1&b=2&c=3&d=4' });
  await same(t, { method: 'POST', path: '/text', headers: { 'Content-Type': 'text/plain' }, body: 'plain' });
  await same(t, { method: 'POST', path: '/raw', headers: { 'Content-Type': 'x/y' }, body: Buffer.from([0, 255, 10]) });
  await same(t, { method: 'POST', path: '/ignored', body: 'nobody reads this' });
  await same(t, { method: 'POST', path: '/pipe', body: 'back it comes' });
  await same(t, { method: 'POST', path: '/pipe', body: ['back ', 'it ', 'comes'] });
  await same(t, { method: 'POST', path: '/iterate', body: Buffer.alloc(300_000) });
});

t.test('routers and applications within applications', async (t) => {
  const { same } = await bothExpress(t, () => {
    const where = (req: express.Request, res: express.Response): void =>
      void res.json({ base: req.baseUrl, original: req.originalUrl, url: req.url, path: req.path, params: req.params });
    const app = express();
    const sub = express();
    const inner = express();
    const router = express.Router({ mergeParams: true });
    router.get('/deep/:id', where);
    router.use('/mounted', where);
    inner.get('/', where);
    inner.get('/redirect', (_req, res) => res.redirect('there'));
    inner.get('/file', (_req, res) => void res.type('css').send('a{}'));
    sub.set('etag', false);
    sub.use('/inner', inner);
    sub.get('/*rest', where);
    app.use('/sub', sub);
    app.use('/r/:tenant', router);
    app.get(/^\/re(\d+)$/, where);
    app.param('name', (req, _res, next, name) => {
      req.params.name = String(name).toUpperCase();
      next();
    });
    app.get('/hello/:name', where);
    app.get('/route', (_req, _res, next) => next('route'), where);
    app.get('/route', (_req, res) => void res.send('next route'));
    app.all('/all', (req, res) => void res.send(req.method));
    return app;
  });
  const paths = [
    '/sub/inner',
    '/sub/inner/',
    '/sub/inner/redirect',
    '/sub/inner/file',
    '/sub/a/b?c=d',
    '/r/acme/deep/7?x=1',
  ];
  paths.push('/r/acme/mounted/any', '/re42', '/hello/ann', '/route', '/all', '/sub', '/SUB/inner');
  for (const path of paths) await same(t, { path });
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) await same(t, { method, path: '/all' });
});

t.test('below a prefix: a gateway mount is what app.use is to Express', async (t) => {
  const root = t.testdir({ folder: { 'index.html': 'the index' } });
  const make = (): Express => {
    const app = express();
    const router = express.Router();
    router.get('/where', (req, res) => {
      res.json({ base: req.baseUrl, original: req.originalUrl, url: req.url, path: req.path });
    });
    router.get('/back', (_req, res) => res.redirect('.'));
    app.use('/router', router);
    app.use('/static', express.static(root));
    app.get('/', (req, res) => void res.json({ base: req.baseUrl, original: req.originalUrl, url: req.url }));
    return app;
  };
  const outer = express();
  const { same } = await pair(
    t,
    () => listening(outer.use('/shop', make())),
    () => mount('/shop', fromExpress(make())),
  );
  for (const path of ['/', '/router/where?a=1', '/router/back', '/static/folder', '/static/folder/', '/missing']) {
    await same(t, { path: `/shop${path}` });
  }
  await same(t, { path: '/shop/?a=1' });
});

t.test('what is not found, and what fails', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/here', (_req, res) => void res.send('here'));
    app.get('/throws', () => {
      throw new Error('thrown');
    });
    app.get('/rejects', async () => {
      await null;
      throw Object.assign(new Error('rejected'), { status: 409, headers: { 'X-Why': 'conflict' } });
    });
    app.get('/next', (_req, _res, next) => next(Object.assign(new Error('passed on'), { statusCode: 422 })));
    app.get('/param/:id', (req, res) => void res.send(req.params.id));
    app.get('/own/throws', () => {
      throw new TypeError('handled');
    });
    app.get('/twice', (_req, res) => {
      res.send('once');
      res.send('twice');
    });
    app.get('/bad-header', (_req, res) => void res.set('X-A', 'a\nb').send('never'));
    app.get('/bad-status', (_req, res) => void res.status(99).send('never'));
    app.use('/own', ((error, _req, res, _next) => {
      res.status(503).json({ error: error.message });
    }) as express.ErrorRequestHandler);
    return quiet(app);
  });
  for (const path of [
    '/nowhere',
    '/throws',
    '/rejects',
    '/next',
    '/own/throws',
    '/twice',
    '/param/%ZZ',
    '/bad-status',
  ]) {
    await same(t, { path });
    await same(t, { method: 'HEAD', path });
  }
  await same(t, { path: '/bad-header' });
  await same(t, { method: 'POST', path: '/here', body: 'a body that nobody reads' });
  await same(t, { path: '/nowhere/<b>' });
  await same(t, { path: '/nowhere', headers: { Accept: 'application/json' } });
});

t.test('a failure after the head cuts the reply', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/cut', async (_req, res) => {
      res.write('a first part');
      await new Promise<void>((resolve) => whenRead(resolve));
      throw new Error('too late');
    });
    return quiet(app);
  });
  await same(t, { path: '/cut' }, { errors: ['the response was cut: its body failed after the head was sent'] });
});

t.test('what a handler reads of the request', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/', (req, res) => {
      const { protocol, secure, hostname, ip, ips, subdomains, xhr, httpVersion, method, url, query, fresh, host } =
        req;
      res.json({
        ...{ protocol, secure, hostname, ip, ips, subdomains, xhr, httpVersion, method, url, query, fresh, host },
        headers: req.headers,
        // Names are lower-case on the gateway's interface.
        raw: req.rawHeaders.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text)),
        distinct: req.headersDistinct,
        address: req.socket.remoteAddress,
        family: req.socket.remoteFamily,
        accepts: req.accepts(['html', 'json']),
        language: req.acceptsLanguages('de', 'en'),
        is: req.is('json') ?? null,
        get: [req.get('HOST'), req.get('referrer')],
        range: req.range(1000) ?? null,
        readable: req.readable,
        sent: res.headersSent,
      });
    });
    return app;
  });
  await same(t, { path: '/?a=1&b[]=2&c=%20' }, { varies: /localhost:\d+/g });
  await same(t, {
    path: '/',
    headers: {
      Host: 'a.b.example.com:8080',
      Accept: 'application/json',
      'Accept-Language': 'en',
      'X-Requested-With': 'XMLHttpRequest',
      Referer: 'http://example.com/',
      Range: 'bytes=0-9,20-',
      // Nobody trusts these.
      'X-Forwarded-For': '203.0.113.7',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      'X-Many': ['1', '2'],
      Cookie: ['a=1', 'b=2'],
    },
  });
});

t.test('informational replies', async (t) => {
  const { same } = await bothExpress(t, () => {
    const app = express();
    app.get('/hints', (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.send('hinted');
    });
    app.get('/processing', (_req, res) => {
      res.writeProcessing();
      res.send('processed');
    });
    app.post('/continue', express.text(), (req, res) => void res.send(req.body));
    return app;
  });
  await same(t, { path: '/hints' });
  await same(t, { path: '/processing' });
  const headers = { Expect: '100-continue', 'Content-Type': 'text/plain' };
  await same(t, { method: 'POST', path: '/continue', headers, body: 'after 100' });
});

/** Express's own error handler without its lines on the console, and without stacks, whose frames differ. */
function quiet(app: Express): Express {
  return app.set('env', 'test').use(((error, _req, _res, next) => {
    error.stack = String(error);
    next(error);
  }) as express.ErrorRequestHandler);
}
