// Koa and its usual middleware: the same replies through fromKoa and adapter-node as on Koa's own listen.

import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import Koa, { type Context } from 'koa';
import compress from 'koa-compress';
import session from 'koa-session';
import statics from 'koa-static';
import t from 'tap';
import { fieldOf, type Sent, whenRead } from './exchange.ts';
import { bothKoa } from './koa.ts';

// Not by a plain import: its types give every IncomingMessage of the workspace a body.
const { bodyParser }: { bodyParser(options: object): Koa.Middleware } = await import('@koa/bodyparser' as string);

type Routes = Record<string, (ctx: Context) => unknown>;

/** An application that answers by path. */
function routes(table: Routes, ...middleware: Koa.Middleware[]): Koa {
  const app = new Koa();
  // Koa would write every error to the console.
  app.silent = true;
  for (const one of middleware) app.use(one);
  app.use(async (ctx) => {
    await table[ctx.path]?.(ctx);
  });
  return app;
}

t.test('replies of every kind', async (t) => {
  const table: Routes = {
    '/text': (ctx) => {
      ctx.body = 'text with ünicode';
    },
    '/html': (ctx) => {
      ctx.body = '<p>html</p>';
    },
    '/json': (ctx) => {
      ctx.body = { hello: 'wörld' };
    },
    '/buffer': (ctx) => {
      ctx.body = Buffer.from([0, 1, 255]);
    },
    '/stream': (ctx) => {
      ctx.body = Readable.from(['one', 'two']);
    },
    '/sized': (ctx) => {
      ctx.length = 6;
      ctx.type = 'text';
      ctx.body = Readable.from([Buffer.from('one'), Buffer.from('two')]);
    },
    '/web-stream': (ctx) => {
      ctx.body = new Blob(['a web', ' stream']).stream();
    },
    '/blob': (ctx) => {
      ctx.body = new Blob(['a blob'], { type: 'text/plain' });
    },
    '/response': (ctx) => {
      ctx.body = new Response('from a Response', { status: 203, headers: { 'x-a': 'b' } });
    },
    '/null': (ctx) => {
      ctx.body = null;
    },
    '/null-json': (ctx) => {
      ctx.type = 'json';
      ctx.body = null;
    },
    '/none': (ctx) => {
      ctx.status = 204;
    },
    '/unchanged': (ctx) => {
      ctx.status = 304;
      ctx.body = 'dropped';
    },
    '/reset': (ctx) => {
      ctx.status = 205;
    },
    '/status': (ctx) => {
      ctx.status = 202;
    },
    '/named': (ctx) => {
      ctx.body = 'ok';
      ctx.message = 'Quite Fine';
    },
    '/redirect': (ctx) => ctx.redirect('/text?a=ü'),
    '/moved': (ctx) => {
      ctx.status = 301;
      ctx.redirect('https://a.example/<b>');
    },
    '/back': (ctx) => ctx.back('/fallback'),
    '/attachment': (ctx) => {
      ctx.attachment('the “quote”.txt');
      ctx.body = 'quote';
    },
    '/cookies': (ctx) => {
      ctx.cookies.set('a', '1', { httpOnly: true, maxAge: 1000, sameSite: 'lax' });
      ctx.cookies.set('signed', '2', { signed: true });
      ctx.cookies.set('gone', null);
      ctx.body = { got: ctx.cookies.get('got') ?? null, forged: ctx.cookies.get('signed', { signed: true }) ?? null };
    },
    '/fields': (ctx) => {
      ctx.set({ 'X-One': '1', 'x-list': 'a' });
      ctx.append('X-List', 'b');
      ctx.vary('X-Vary');
      ctx.etag = 'tag';
      ctx.lastModified = new Date(0);
      ctx.body = 'ok';
      if (ctx.fresh) ctx.status = 304;
    },
    '/type': (ctx) => {
      ctx.type = '.png';
      ctx.remove('Content-Length');
      ctx.body = Buffer.alloc(3);
    },
    '/by-hand': (ctx) => {
      ctx.respond = false;
      ctx.res.writeHead(201, { 'Content-Type': 'text/plain', 'X-Raw': 'yes' });
      ctx.res.write('written ');
      setImmediate(() => ctx.res.end('by hand'));
    },
    '/flushed': async (ctx) => {
      ctx.type = 'text';
      ctx.status = 200;
      ctx.flushHeaders();
      await new Promise(setImmediate);
      ctx.body = 'after the head';
    },
    '/events': (ctx) => {
      const events = new PassThrough();
      ctx.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
      ctx.body = events;
      let number = 0;
      const timer = setInterval(() => {
        number++;
        events.write(`id: ${number}\ndata: ${number}\n\n`);
        if (number < 3) return;
        clearInterval(timer);
        events.end();
      }, 5);
    },
  };
  const { same } = await bothKoa(t, () => {
    const app = routes(table);
    app.keys = ['a key'];
    return app;
  });
  for (const path of Object.keys(table)) {
    if (path === '/reset') continue;
    const differs = path === '/named' ? (['Reason phrase'] as const) : [];
    await same(t, { path }, { differs });
    await same(t, { method: 'HEAD', path }, { differs });
  }
  await same(t, { path: '/missing' });
  await same(t, { path: '/reset' }, { differs: ['Length of what is whole'] });
  await same(t, { method: 'OPTIONS', path: '/text' });
  await same(t, { path: '/text', version: '1.0' });
  await same(t, { path: '/stream', version: '1.0' });
  await same(t, { path: '/back', headers: { Referer: 'http://localhost/before' } });
  await same(t, { path: '/redirect', headers: { Accept: 'text/html' } });
  await same(t, { path: '/fields', headers: { 'If-None-Match': '"tag"' } });
  await same(t, { path: '/cookies', headers: { Cookie: 'got=it; signed=2; signed.sig=forged' } });
});

t.test('errors: thrown, asked for, within a stream, after the head', async (t) => {
  const { same } = await bothKoa(t, () =>
    routes({
      '/throws': () => {
        throw new Error('broken');
      },
      '/asked': (ctx) => ctx.throw(418, 'short and stout', { headers: { 'X-Error': 'yes' } }),
      '/exposed': (ctx) => ctx.throw(500, 'shown', { expose: true }),
      '/assert': (ctx) => ctx.assert(false, 401, 'who are you'),
      '/missing-file': () => {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      },
      '/stream-fails': (ctx) => {
        const body = new PassThrough();
        ctx.body = body;
        setImmediate(() => body.destroy(new Error('cannot be opened')));
      },
      '/stream-breaks': (ctx) => {
        const body = new PassThrough();
        body.write('the first half');
        ctx.body = body;
        whenRead(() => void body.destroy(new Error('the disk is gone')));
      },
      '/bad-value': (ctx) => {
        ctx.set('X-Bad', 'a\nb');
      },
      '/bad-status': (ctx) => {
        ctx.status = 1000;
      },
    }),
  );
  for (const path of ['throws', 'asked', 'exposed', 'assert', 'missing-file', 'bad-value', 'bad-status']) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  const errors = ['the response was cut: its body failed after the head was sent'];
  await same(t, { path: '/stream-fails' }, { errors });
  await same(t, { path: '/stream-breaks' }, { errors });
});

t.test('what a middleware sees of its request', async (t) => {
  const { same } = await bothKoa(
    t,
    (side) => {
      const app = routes({
        '/see': (ctx) => {
          ctx.body = {
            ip: ctx.ip,
            host: ctx.host,
            hostname: ctx.hostname,
            protocol: ctx.protocol,
            secure: ctx.secure,
            subdomains: ctx.subdomains,
            origin: ctx.origin,
            href: ctx.href,
            method: ctx.method,
            url: ctx.url,
            originalUrl: ctx.originalUrl,
            query: ctx.query,
            querystring: ctx.querystring,
            length: ctx.request.length ?? null,
            type: ctx.request.type,
            charset: ctx.request.charset,
            fresh: ctx.fresh,
            idempotent: ctx.idempotent,
            accepts: ctx.accepts('html', 'json'),
            encodings: ctx.acceptsEncodings('gzip', 'identity'),
            is: ctx.is('json'),
            get: ctx.get('Referrer'),
            writable: ctx.writable,
            headerSent: ctx.headerSent,
            socket: [ctx.socket.remoteAddress, ctx.socket.destroyed, ctx.socket.readable, ctx.socket.writable],
          };
        },
      });
      app.proxy = side === 'native';
      return app;
    },
    { trust: ['127.0.0.1'] },
  );
  const headers = { Host: 'a.b.quotes.example:8080', Accept: 'application/json', Referer: 'https://a.example/' };
  await same(t, { path: '/see?a=1&a=2&b=%20', headers });
  await same(t, {
    method: 'POST',
    path: '/see',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    body: '{}',
  });
  await same(
    t,
    { path: 'http://other.example/see?a=1', headers: { Host: 'other.example' } },
    { differs: ['Target in absolute form'] },
  );
});

t.test('koa-static: whole files, revalidation, folders, packed files', async (t) => {
  const root = t.testdir({
    'a.txt': 'abcdefghij',
    'empty.txt': '',
    'big.bin': 'x'.repeat(300_000),
    'code.js': 'plain();',
    'code.js.gz': gzipSync('plain();'),
    '.hidden': 'hidden',
    sub: { 'index.html': 'index' },
  });
  const { same } = await bothKoa(t, () => routes({}, statics(root, { maxage: 1000, extensions: ['txt'] })));
  const paths = [
    'a.txt',
    'a',
    'empty.txt',
    'big.bin',
    'code.js',
    '.hidden',
    'sub/',
    'sub',
    'missing',
    '%zz',
    '%2e%2e/x',
  ];
  for (const path of paths) {
    await same(t, { path: `/${path}` });
    await same(t, { method: 'HEAD', path: `/${path}` });
  }
  const whole = await same(t, { path: '/a.txt' });
  const modified = fieldOf(whole.headers, 'last-modified') as string;
  await same(t, { path: '/a.txt', headers: { 'If-Modified-Since': modified } });
  await same(t, { path: '/a.txt', headers: { Range: 'bytes=0-3' } });
  await same(t, { path: '/code.js', headers: { 'Accept-Encoding': 'gzip' } });
  await same(t, { method: 'POST', path: '/a.txt' });
});

t.test('@koa/bodyparser takes JSON, forms and text, and refuses what is too large', async (t) => {
  const { same } = await bothKoa(t, () =>
    routes(
      {
        '/echo': (ctx) => {
          ctx.body = { body: (ctx.request as { body?: unknown }).body ?? null };
        },
      },
      bodyParser({ enableTypes: ['json', 'form', 'text'], jsonLimit: 100 }),
    ),
  );
  const post = (type: string, body: string | Buffer | string[], more = {}): Sent => ({
    method: 'POST',
    path: '/echo',
    headers: { 'Content-Type': type, ...more },
    body,
  });
  await same(t, post('application/json', '{"a":1}'));
  await same(t, post('application/json', ['{"a"', ':1}']));
  await same(t, post('application/json', '{broken'));
  await same(t, post('application/json', '"not an object"'));
  await same(t, post('application/json', ''));
  await same(t, post('application/json', `{"a":"${'x'.repeat(200)}"}`));
  await same(t, post('application/json', [`{"a":"${'x'.repeat(80)}`, 'y'.repeat(80), '"}']));
  await same(t, post('application/json', gzipSync('{"packed":true}'), { 'Content-Encoding': 'gzip' }));
  await same(t, post('application/x-www-form-urlencoded', 'a=1&b[c]=2&d=%C3%BC'));
  await same(t, post('text/plain', 'text'));
  await same(t, post('application/unknown', 'x'));
  await same(t, post('application/json', '{"a":1}', { Expect: '100-continue' }));
});

t.test('koa-compress packs replies', async (t) => {
  const { same } = await bothKoa(t, () =>
    routes(
      {
        '/long': (ctx) => {
          ctx.body = { text: 'abc'.repeat(1000) };
        },
        '/stream': (ctx) => {
          ctx.type = 'text';
          ctx.body = Readable.from([Buffer.from('abc'.repeat(1000))]);
        },
        '/short': (ctx) => {
          ctx.body = { a: 1 };
        },
        '/image': (ctx) => {
          ctx.type = 'png';
          ctx.body = Buffer.alloc(1000);
        },
        '/asis': (ctx) => {
          ctx.compress = false;
          ctx.body = 'abc'.repeat(1000);
        },
      },
      compress({ threshold: 100 }),
    ),
  );
  for (const coding of ['gzip', 'br', 'deflate', 'identity', '*', 'unknown, *;q=0']) {
    for (const path of ['/long', '/stream', '/short', '/image', '/asis']) {
      await same(t, { path, headers: { 'Accept-Encoding': coding } });
    }
  }
  await same(t, { method: 'HEAD', path: '/long', headers: { 'Accept-Encoding': 'gzip' } });
});

t.test('koa-session keeps a visitor, in a cookie and in a store', async (t) => {
  for (const stored of [false, true]) {
    const { same } = await bothKoa(t, () => {
      const visits = new Map<string, unknown>();
      const store = {
        get: (key: string) => visits.get(key),
        set: (key: string, value: unknown) => void visits.set(key, value),
        destroy: (key: string) => void visits.delete(key),
      };
      const app = new Koa();
      app.silent = true;
      app.keys = ['a key'];
      app.use(session({ signed: true, ...(stored && { store }) } as never, app));
      app.use((ctx) => {
        if (ctx.path === '/count') {
          const current = ctx.session as { visits?: number };
          current.visits = (current.visits ?? 0) + 1;
          ctx.body = { visits: current.visits };
        } else if (ctx.path === '/leave') {
          ctx.session = null;
          ctx.body = 'gone';
        } else ctx.body = 'no session';
      });
      return app;
    });
    const cookies = new Map<string, string>();
    const varies = /koa\.sess(\.sig)?=[^;]+|expires=[^;]+/gi;
    for (const path of ['none', 'count', 'count', 'leave', 'count']) {
      await same(t, { path: `/${path}` }, { cookies, varies });
    }
  }
});
