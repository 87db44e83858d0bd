// Fastify itself, without plugins: the same replies through fromFastify and adapter-node as on its own listen.

import { PassThrough, Readable } from 'node:stream';
import fastify from 'fastify';
import t from 'tap';
import { whenRead } from './exchange.ts';
import { bothFastify } from './fastify.ts';

t.test('replies of every kind: JSON, text, buffers, streams, web streams, nothing', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify();
    app.get('/json', async () => ({ hello: 'wörld' }));
    app.get('/text', (_request, reply) => reply.type('text/plain').send('text with ünicode'));
    app.get('/buffer', async () => Buffer.from([0, 1, 2, 255]));
    app.get('/big', async () => 'wörld '.repeat(50_000));
    app.get('/stream', (_request, reply) => reply.send(Readable.from(['one', 'two', 'three'])));
    app.get('/sized', (_request, reply) => reply.header('Content-Length', 6).send(Readable.from(['one', 'two'])));
    app.get('/web-stream', (_request, reply) => reply.send(new Blob(['a web', ' stream']).stream()));
    app.get('/response', (_request, reply) =>
      reply.send(new Response('from a Response', { status: 203, headers: { 'x-a': 'b' } })),
    );
    app.get('/empty', (_request, reply) => reply.send());
    app.get('/null', (_request, reply) => reply.send(null));
    app.get('/none', (_request, reply) => reply.code(204).send());
    app.get('/reset', (_request, reply) => reply.code(205).send());
    app.get('/unchanged', (_request, reply) => reply.code(304).send());
    app.get('/redirect', (_request, reply) => reply.redirect('/json', 303));
    app.get('/cookies', (_request, reply) =>
      reply.header('Set-Cookie', ['a=1', 'b=2']).header('X-CamelCase', 'Kept').header('x-number', 1).send('ok'),
    );
    app.get('/dated', (_request, reply) => reply.header('Date', 'Sun, 06 Nov 1994 08:49:37 GMT').send('then'));
    app.head('/own-head', (_request, reply) => reply.header('x-head', 'own').send());
    app.options('/json', (_request, reply) => reply.header('Allow', 'GET, HEAD').code(200).send());
    return app;
  });
  const paths = ['json', 'text', 'buffer', 'big', 'stream', 'sized', 'web-stream', 'response', 'empty', 'null', 'none'];
  for (const path of paths) {
    await same(t, { path: `/${path}` });
    const differs = path === 'none' ? (['Length of a 204'] as const) : [];
    await same(t, { method: 'HEAD', path: `/${path}` }, { differs });
  }
  for (const path of ['reset', 'unchanged', 'redirect', 'cookies', 'dated']) await same(t, { path: `/${path}` });
  await same(t, { method: 'HEAD', path: '/own-head' });
  await same(t, { method: 'OPTIONS', path: '/json' });
});

t.test('replies written by hand through reply.raw', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify();
    app.get('/chunks', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'Content-Type': 'text/plain', 'X-Raw': 'yes' });
      reply.raw.write('written ');
      reply.raw.end('by hand');
    });
    app.get('/implicit', (_request, reply) => {
      reply.hijack();
      reply.raw.setHeader('X-One', '1');
      reply.raw.appendHeader('X-One', '2');
      reply.raw.end('implicit head');
    });
    app.get('/sized', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(201, ['X-List', 'a', 'X-List', 'b', 'Content-Length', '4']);
      reply.raw.end('four');
    });
    app.get('/explicit', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { 'Content-Type': 'text/plain' });
      reply.raw.end('at once');
    });
    app.get('/piped', (_request, reply) => {
      reply.hijack();
      Readable.from(['a', 'b', 'c']).pipe(reply.raw);
    });
    app.get('/flushed', (_request, reply) => {
      reply.hijack();
      reply.raw.flushHeaders();
      setImmediate(() => reply.raw.end('later'));
    });
    app.get('/merged', (_request, reply) => {
      // What a route set on the reply does not reach the raw response, what it set there does.
      reply.header('X-Reply', 'lost').raw.setHeader('X-Raw', 'kept');
      reply.hijack();
      reply.raw.end();
    });
    app.get('/both', (_request, reply) => {
      reply.raw.setHeader('X-Raw', 'kept');
      reply.header('X-Reply', 'kept too').send({ a: 1 });
    });
    app.get('/hints', (_request, reply) => {
      reply.raw.writeEarlyHints({ link: ['</a.css>; rel=preload; as=style', '</b.js>; rel=preload; as=script'] }, () =>
        reply.send('hinted'),
      );
    });
    app.get('/processing', (_request, reply) => {
      reply.raw.writeProcessing();
      reply.send('processed');
    });
    app.get('/trailers', (_request, reply) => {
      reply.trailer('X-Sum', async () => '42').trailer('X-Other', async () => 'b');
      return reply.send(Readable.from(['body']));
    });
    app.get('/raw-trailers', (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { Trailer: 'X-Sum' });
      reply.raw.write('body');
      reply.raw.addTrailers({ 'X-Sum': '43' });
      reply.raw.end();
    });
    return app;
  });
  for (const path of ['chunks', 'implicit', 'sized', 'piped', 'flushed', 'merged', 'both', 'hints', 'processing']) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  await same(t, { path: '/explicit' }, { differs: ['Length of what is whole'] });
  // Fastify sets Transfer-Encoding itself before it sends trailers.
  await same(t, { path: '/trailers' }, { differs: ['Fields of the connection'] });
  await same(t, { path: '/raw-trailers' });
  await same(t, { path: '/chunks', version: '1.0' });
  await same(t, { path: '/sized', version: '1.0' });
  await same(t, { path: '/sized', version: '1.0', headers: { Connection: 'keep-alive' } });
  await same(t, { path: '/sized', headers: { Connection: 'close' } });
});

t.test('errors: 404, validation, thrown, handled, too large, bad JSON, bad address', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify({ bodyLimit: 100 });
    app.post(
      '/validated',
      { schema: { body: { type: 'object', required: ['a'], properties: { a: { type: 'number' } } } } },
      async (request) => request.body,
    );
    app.get('/throws', async () => {
      throw Object.assign(new Error('broken'), { statusCode: 418, headers: { 'X-Error': 'yes' } });
    });
    app.get('/throws-at-once', () => {
      throw new Error('broken at once');
    });
    app.get('/throws-null', () => Promise.reject(null));
    app.get('/no-payload', (_request, reply) => {
      reply.send(new Map() as never);
    });
    app.get('/bad-status', (_request, reply) => reply.code(1000).send());
    app.get('/bad-value', (_request, reply) => reply.header('X-Bad', 'a\nb').send('never'));
    app.get('/stream-fails', (_request, reply) =>
      reply.send(
        new Readable({
          read: function (this: Readable) {
            this.destroy(new Error('no such thing'));
          },
        }),
      ),
    );
    app.get('/stream-breaks', (_request, reply) => {
      const body = new PassThrough();
      body.write('the first half');
      reply.send(body);
      whenRead(() => void body.destroy(new Error('the disk is gone')));
    });
    app.register(
      async (child) => {
        child.setErrorHandler((error: Error, _request, reply) => reply.code(502).send({ handled: error.message }));
        child.setNotFoundHandler((request, reply) => reply.code(404).send(`nothing at ${request.url}`));
        child.get('/handled', async () => {
          throw new Error('inside');
        });
      },
      { prefix: '/child' },
    );
    app.get('/params/:id', async (request) => request.params);
    return app;
  });
  const json = { 'Content-Type': 'application/json' };
  const post = (body: string | readonly string[], headers: Record<string, string> = json) =>
    ({ method: 'POST', path: '/validated', headers, body }) as const;
  await same(t, { path: '/missing' });
  await same(t, { method: 'HEAD', path: '/missing' });
  await same(t, post('{"a":1}'));
  await same(t, post(['{"a"', ':1}']));
  await same(t, post('{"b":1}'));
  // What Fastify cannot parse it answers with Connection: close.
  const differs = ['Fields of the connection'] as const;
  await same(t, post('{broken'), { differs });
  await same(t, post(''), { differs });
  await same(t, post(`{"a":${'1'.repeat(200)}}`), { differs });
  await same(t, post([`{"a":${'1'.repeat(80)}`, '1'.repeat(80), '}']), { differs });
  await same(t, post('x', { 'Content-Type': 'text/unknown' }));
  await same(t, post('x', {}));
  for (const path of ['throws', 'throws-at-once', 'throws-null', 'no-payload', 'bad-status', 'child/handled']) {
    await same(t, { path: `/${path}` });
  }
  await same(t, { path: '/child/missing' });
  await same(t, { path: '/bad-value' }, { differs: ['Length of what is whole', 'Reason phrase'] });
  await same(t, { path: '/stream-fails' });
  await same(
    t,
    { path: '/stream-breaks' },
    { errors: ['the response was cut: its body failed after the head was sent'] },
  );
  for (const path of ['/params/%zz', `/params/${'x'.repeat(200)}`, '/params/a%2Fb', '//double', '/params/?a=%']) {
    await same(t, { path });
  }
  await same(t, { path: '*' }, { differs: ['Refusals'] });
  await same(t, { method: 'PUT', path: '/throws' });
  await same(t, { method: 'OPTIONS', path: '/throws' });
  await same(t, { method: 'OPTIONS', path: '*' });
});

t.test('what a route sees of its request', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify();
    app.decorateRequest('startedBy', '');
    app.addHook('onRequest', async (request) => {
      (request as unknown as { startedBy: string }).startedBy = request.method;
    });
    app.addHook('onSend', async (_request, reply, payload) => {
      reply.header('X-Hook', 'onSend');
      return payload;
    });
    app.all('/see/:name', async (request) => ({
      startedBy: (request as unknown as { startedBy: string }).startedBy,
      ip: request.ip,
      ips: request.ips,
      host: request.host,
      hostname: request.hostname,
      port: request.port,
      protocol: request.protocol,
      method: request.method,
      url: request.url,
      originalUrl: request.originalUrl,
      query: request.query,
      params: request.params,
      headers: request.headers,
      body: request.body ?? null,
      is404: request.is404,
      route: request.routeOptions.url,
      raw: {
        url: request.raw.url,
        httpVersion: request.raw.httpVersion,
        distinct: request.raw.headersDistinct,
        complete: request.raw.complete,
        aborted: request.raw.destroyed,
        trailers: request.raw.trailers,
        encrypted: 'encrypted' in request.socket && request.socket.encrypted === true,
        address: request.socket.remoteAddress,
        family: request.socket.remoteFamily,
        port: typeof request.socket.remotePort,
      },
    }));
    app.addContentTypeParser('text/*', (_request, payload, done) => {
      let text = '';
      payload.on('data', (chunk) => {
        text += chunk;
      });
      payload.on('end', () => done(null, { streamed: text }));
    });
    return app;
  });
  const headers = {
    Accept: ['text/html', 'text/plain'],
    Cookie: ['a=1', 'b=2'],
    'X-Forwarded-For': '192.0.2.1',
    'X-Forwarded-Host': 'proxy.example',
    'User-Agent': ['one', 'two'],
  };
  await same(t, { path: '/see/a%20b?x=1&x=2&y=%20z', headers });
  await same(t, {
    method: 'POST',
    path: '/see/json',
    headers: { 'Content-Type': 'application/json' },
    body: '{"a":1}',
  });
  await same(t, { method: 'POST', path: '/see/text', headers: { 'Content-Type': 'text/x' }, body: ['one ', 'two'] });
  await same(t, { method: 'DELETE', path: '/see/nothing' });
  await same(t, { path: '/see/old', version: '1.0' });
  await same(t, { path: '/see/host', headers: { Host: 'example.org:8080' } });
  await same(t, { path: '/see/host', headers: { Host: '[::1]:8080' } });
});

t.test('behind a trusted proxy: what trustProxy does natively, the adapter does here', async (t) => {
  const { same } = await bothFastify(
    t,
    (side) => {
      const app = fastify({ trustProxy: side === 'native' ? '127.0.0.1' : false });
      app.get('/', async (request) => ({
        ip: request.ip,
        host: request.host,
        hostname: request.hostname,
        port: request.port,
        protocol: request.protocol,
      }));
      return app;
    },
    { trust: ['127.0.0.1'] },
  );
  await same(t, { path: '/' });
  const host = { 'X-Forwarded-Host': 'quotes.example:8443', 'X-Forwarded-Proto': 'https' };
  await same(t, { path: '/', headers: { 'X-Forwarded-For': '192.0.2.7', ...host } });
  await same(t, { path: '/', headers: { 'X-Forwarded-For': '10.0.0.1, 192.0.2.7, 127.0.0.1', ...host } });
});

t.test('routes by version and host, methods of one own, prefixes, slashes, HEAD turned off', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify({
      exposeHeadRoutes: false,
      routerOptions: { ignoreTrailingSlash: true, caseSensitive: false },
    });
    app.addHttpMethod('PROPFIND', { hasBody: true });
    app.route({ method: 'PROPFIND', url: '/files', handler: async (request) => ({ props: request.body ?? null }) });
    app.get('/versioned', { constraints: { version: '1.2.0' } }, async () => 'one');
    app.get('/hosted', { constraints: { host: 'a.example' } }, async () => 'a');
    app.get('/Plain', async () => 'plain');
    app.get('/file.:type(^\\d+$)', async (request) => request.params);
    app.get('/all/*', async (request) => request.params);
    return app;
  });
  const json = { 'Content-Type': 'application/json' };
  await same(t, { method: 'PROPFIND', path: '/files', headers: json, body: '{"depth":1}' });
  await same(t, { path: '/versioned', headers: { 'Accept-Version': '1.x' } });
  await same(t, { path: '/versioned', headers: { 'Accept-Version': '2.x' } });
  await same(t, { path: '/hosted', headers: { Host: 'a.example' } });
  await same(t, { path: '/hosted', headers: { Host: 'b.example' } });
  for (const path of ['/plain/', '/file.12', '/file.ab', '/all/a/b?c', '/all/']) await same(t, { path });
  await same(t, { method: 'HEAD', path: '/plain' });
});

t.test('handlerTimeout answers for a handler that does not', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify({ handlerTimeout: 30 });
    app.get('/', (request) => {
      return new Promise((_resolve, reject) =>
        request.signal.addEventListener('abort', () => reject(new Error('late'))),
      );
    });
    return app;
  });
  await same(t, { path: '/' });
});

t.test('100 Continue: a client that waits for it sends its body', async (t) => {
  const { same } = await bothFastify(t, () => {
    const app = fastify();
    app.post('/', async (request) => request.body);
    return app;
  });
  const headers = { 'Content-Type': 'application/json', Expect: '100-continue' };
  await same(t, { method: 'POST', path: '/', headers, body: '{"a":1}' });
});

t.test('an aborted request runs onRequestAbort, aborts request.signal and closes the stream', async (t) => {
  const heard: Record<string, string[]> = { native: [], ours: [] };
  const gone: Promise<unknown>[] = [];
  const arrived = new Map<string, PromiseWithResolvers<void>>();
  const make = (side: 'native' | 'ours') => {
    const app = fastify();
    const over = Promise.withResolvers<void>();
    gone.push(over.promise);
    const list = heard[side] as string[];
    const note = (what: string): void => {
      list.push(what);
      if (list.length === 5) over.resolve();
    };
    const here = Promise.withResolvers<void>();
    arrived.set(side, here);
    app.addHook('onRequestAbort', (request, done) => {
      note(`onRequestAbort ${request.raw.destroyed} ${request.raw.aborted}`);
      done();
    });
    app.get('/', (request, reply) => {
      request.signal.addEventListener('abort', () => note('signal'));
      request.raw.on('aborted', () => note('aborted'));
      request.raw.on('close', () => note('req close'));
      reply.raw.on('close', () => note(`res close ${reply.raw.writableFinished}`));
      here.resolve();
      return new Promise(() => {});
    });
    return app;
  };
  const servers = await bothFastify(t, make);
  for (const side of ['native', 'ours'] as const) {
    const controller = new AbortController();
    const sent = fetch(`http://127.0.0.1:${servers[side]}/`, { signal: controller.signal }).catch(() => {});
    await arrived.get(side)?.promise;
    controller.abort();
    await sent;
  }
  await Promise.all(gone);
  t.strictSame(heard.ours?.toSorted(), heard.native?.toSorted());
});
