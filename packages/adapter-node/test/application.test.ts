import { once } from 'node:events';
import http from 'node:http';
import { type GatewayResponse, TAKEN } from '@tsgi/core';
import t from 'tap';
import { exchange, statusOf } from './fixtures/raw.ts';
import { serve } from './fixtures/serve.ts';

const CLOSE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const bytes = (text: string) => Buffer.from(text);

t.test('an application that throws or rejects is 500 without detail, and one line with the id', async (t) => {
  for (const handle of [
    () => {
      throw new Error('secret');
    },
    () => Promise.reject(new Error('secret')),
  ]) {
    const { port, lines } = await serve(t, handle);
    const reply = await exchange(port, CLOSE);
    t.equal(statusOf(reply), 500);
    t.notMatch(reply, /secret/);
    t.equal(lines.length, 1);
    t.match(lines[0]?.fields, { err: { message: 'secret' }, requestId: /^\S+$/, method: 'GET', target: '/' });
  }
});

t.test('garbage instead of a response is 500, and the log says what was wrong', async (t) => {
  const garbage: [unknown, RegExp][] = [
    [undefined, /undefined, not an object/],
    ['text', /text, not an object/],
    [TAKEN, /not an object/],
    [{}, /status is undefined/],
    [{ status: 101, headers: [], body: null }, /status is 101/],
    [{ status: 200.5, headers: [], body: null }, /status is 200.5/],
    [{ status: 200, headers: {}, body: null }, /not a flat list/],
    [{ status: 200, headers: ['a'], body: null }, /without a value/],
    [{ status: 200, headers: ['a', 1], body: null }, /header a is 1, not a string/],
    [{ status: 200, headers: [], body: undefined }, /body is undefined/],
    [{ status: 200, headers: [], body: {} }, /body is an object of Object/],
    [{ status: 200, headers: ['bad name', 'x'], body: null }, /bad name/],
    [{ status: 200, headers: ['x', 'a\r\nb: c'], body: null }, /Invalid character/],
    [{ status: 200, headers: ['content-length', 'x'], body: 'a' }, /announced x/],
    [{ status: 200, headers: ['content-length', '1', 'Content-Length', '1'], body: 'a' }, /announced 1 and 1/],
    [{ status: 200, headers: ['content-length', '5'], body: 'a' }, /announced 5 bytes and its body has 1/],
  ];
  for (const [outcome, message] of garbage) {
    const { port, lines } = await serve(t, () => outcome as GatewayResponse);
    const reply = await exchange(port, CLOSE);
    t.match(reply, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    t.match(lines[0]?.fields.err, { message });
    t.equal(lines.length, 1);
  }
});

t.test('a body that fails after the head resets the connection, so that it never looks whole', async (t) => {
  const bodies: [string[], () => AsyncGenerator<Uint8Array>][] = [
    [
      [],
      async function* () {
        yield bytes('half');
        throw new Error('gone');
      },
    ],
    [
      ['content-length', '10'],
      async function* () {
        yield bytes('half');
      },
    ],
    [
      ['content-length', '3'],
      async function* () {
        yield bytes('too much');
      },
    ],
    [
      [],
      async function* () {
        yield bytes('half');
        yield 'text' as never;
      },
    ],
  ];
  for (const [headers, body] of bodies) {
    const { url, lines } = await serve(t, () => ({ status: 200, headers, body: body() }));
    await t.rejects(async () => (await fetch(url)).text());
    t.equal(lines.length, 1);
    t.match(lines[0]?.message, /response was cut/);
  }
});

t.test('a body that cannot be begun is 500, the body of the request read a second time among them', async (t) => {
  const bodies = [
    (read: AsyncIterable<Uint8Array>) => read,
    () => ({
      [Symbol.asyncIterator]() {
        throw new Error('locked');
      },
    }),
  ];
  for (const body of bodies) {
    const { port, lines, server } = await serve(t, async (request) => {
      const read = request.body as AsyncIterable<Uint8Array>;
      for await (const _ of read);
      return { status: 200, headers: [], body: body(read) };
    });
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi';
    t.equal(statusOf(await exchange(port, post)), 500);
    t.equal(lines.length, 1);
    t.equal(server.stats().inFlight, 0);
  }
});

t.test('an iterator that breaks the rules of iterators harms its own reply alone', async (t) => {
  const iterators: Record<string, object> = {
    '/next-throws': {
      next() {
        throw new Error('next');
      },
      return: () => ({ done: true }),
    },
    '/next-gives-nothing': {
      next() {},
      return() {
        throw new Error('return');
      },
    },
  };
  const { port, lines, server } = await serve(t, ({ target }) => {
    const body = { [Symbol.asyncIterator]: () => iterators[target] } as never;
    return { status: 200, headers: [], body };
  });
  for (const target of Object.keys(iterators)) {
    await t.rejects(exchange(port, CLOSE.replace('/', target)), { code: 'ECONNRESET' });
    t.match(lines.at(-1)?.message, /the response was cut/);
  }
  t.equal(server.stats().inFlight, 0);
});

t.test('a client may leave an iterator whose return() throws or gives no promise', async (t) => {
  const returns = [
    () => {
      throw new Error('return');
    },
    () => ({ done: true }),
  ];
  for (const leave of returns) {
    const returned = Promise.withResolvers<void>();
    const iterator = {
      next: () => new Promise(() => {}),
      return() {
        returned.resolve();
        return leave();
      },
    };
    const body = { [Symbol.asyncIterator]: () => iterator } as never;
    const { url, server } = await serve(t, () => ({ status: 200, headers: [], body }));
    const [response] = (await once(http.get(url), 'response')) as [http.IncomingMessage];
    response.on('error', () => {}).destroy();
    await returned.promise;
    t.equal(server.stats().inFlight, 0);
  }
});

t.test('hop-by-hop fields of an application are dropped, spelling and duplicates of the others kept', async (t) => {
  const { port } = await serve(t, () => ({
    status: 200,
    headers: [
      'X-CamelCase',
      'a',
      'Connection',
      'x',
      'Keep-Alive',
      'y',
      'set-cookie',
      '1',
      'Set-Cookie',
      '2',
      'TE',
      'z',
      'Upgrade',
      'w',
    ],
    body: '',
  }));
  const reply = await exchange(port, CLOSE);
  t.match(reply, '\r\nX-CamelCase: a\r\nset-cookie: 1\r\nSet-Cookie: 2\r\nContent-Length: 0\r\nDate: ');
  t.notMatch(reply, /: [xyzw]\r\n/);
});

t.test('HEAD, 204 and 304 carry no body, and its iterator is returned unread', async (t) => {
  let returned = 0;
  const body = () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error('read')),
      return: () => {
        returned++;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  });
  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    const { port } = await serve(t, () => ({ status, headers: ['Content-Length', '4'], body: body() }));
    const reply = await exchange(port, CLOSE.replace('GET', method));
    t.equal(statusOf(reply), status);
    t.equal(/Content-Length/.test(reply), status !== 204, 'RFC 9110 section 8.6');
    t.ok(reply.endsWith('\r\n\r\n'));
  }
  t.equal(returned, 3);
  const { port } = await serve(t, () => ({ status: 200, headers: [], body: 'four' }));
  const head = await exchange(port, CLOSE.replace('GET', 'HEAD'));
  t.match(head, /Content-Length: 4\r\n/);
  t.ok(head.endsWith('\r\n\r\n'));
});

t.test('trailers follow a streamed and a whole body', async (t) => {
  const trailers = ['X-Sum', '1', 'X-Sum', '2', 'constructor', '3'];
  for (const body of [
    'whole',
    (async function* () {
      yield bytes('whole');
    })(),
  ]) {
    const { port } = await serve(t, () => ({ status: 200, headers: [], body, trailers }));
    t.match(await exchange(port, CLOSE), /5\r\nwhole\r\n0\r\nX-Sum: 1, 2\r\nconstructor: 3\r\n\r\n$/);
  }
});

t.test('when the client leaves, the body is returned and the signal aborts', async (t) => {
  const returned = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const { url, server } = await serve(t, ({ signal }) => {
    signal.addEventListener('abort', () => aborted.resolve());
    return {
      status: 200,
      headers: [],
      body: (async function* () {
        try {
          for (;;) yield Buffer.alloc(1000);
        } finally {
          returned.resolve();
        }
      })(),
    };
  });
  const [reply] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
  reply.destroy();
  await Promise.all([returned.promise, aborted.promise]);
  await server.drain();
  t.match(server.stats(), { aborted: 1, inFlight: 0 });
});

t.test('a body is pulled no faster than the client reads', async (t) => {
  let pulled = 0;
  const { url } = await serve(t, () => ({
    status: 200,
    headers: [],
    body: (async function* () {
      for (let i = 0; i < 2000; i++) {
        pulled++;
        yield Buffer.alloc(100_000);
      }
    })(),
  }));
  const [reply] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
  reply.pause();
  // Until the buffers on the way are full nothing tells that they are; they are when no pull comes for a while.
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(pulled < 500, `${pulled} of 2000 chunks were pulled`);
  let size = 0;
  for await (const chunk of reply) size += chunk.length;
  t.equal(size, 200_000_000);
});

t.test('the head of a stream is sent before its first chunk exists', async (t) => {
  const first = Promise.withResolvers<void>();
  const { url } = await serve(t, () => ({
    status: 200,
    headers: ['content-type', 'text/event-stream'],
    body: (async function* () {
      await first.promise;
      yield bytes('data: 1\n\n');
    })(),
  }));
  const reply = await fetch(url);
  t.equal(reply.status, 200);
  first.resolve();
  t.equal(await reply.text(), 'data: 1\n\n');
});

t.test('a body can be read once', async (t) => {
  const { url } = await serve(t, async ({ body }) => {
    let text = '';
    for await (const chunk of body ?? []) text += Buffer.from(chunk).toString();
    t.throws(() => body?.[Symbol.asyncIterator](), { code: 'TSGI_ERR_BODY_READ_TWICE' });
    return { status: 200, headers: [], body: text };
  });
  t.equal(await (await fetch(url, { method: 'POST', body: 'once' })).text(), 'once');
});

t.test('chunks that are asked for at once come in turn', async (t) => {
  const { url } = await serve(t, async ({ body }) => {
    const chunks = body?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const results = await Promise.all([chunks.next(), chunks.next(), chunks.next()]);
    t.strictSame(
      results.map(({ done, value }) => (done ? 'end' : Buffer.from(value).toString())),
      ['once', 'end', 'end'],
    );
    return { status: 204, headers: [], body: null };
  });
  t.equal((await fetch(url, { method: 'POST', body: 'once' })).status, 204);
});

t.test('a body that nobody reads, or not to its end, does not block the connection', async (t) => {
  const { url } = await serve(t, async ({ body, target }) => {
    if (target === '/some') for await (const _ of body ?? []) break;
    return { status: 200, headers: [], body: target };
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (const path of ['/none', '/some', '/none']) {
    const request = http.request(url + path, { method: 'POST', agent });
    request.end(Buffer.alloc(3_000_000));
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of reply) text += chunk;
    t.equal(text, path);
  }
  agent.destroy();
});

t.test('a body that is cut rejects the reader', async (t) => {
  const failed = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  const { url } = await serve(t, async ({ body }) => {
    try {
      for await (const _ of body ?? []) begun.resolve();
    } catch (error) {
      failed.resolve(error);
    }
    return { status: 200, headers: [], body: null };
  });
  const request = http.request(url, { method: 'POST', agent: false });
  request.on('error', () => {});
  request.write('part');
  await begun.promise;
  request.destroy();
  t.match(await failed.promise, { code: 'TSGI_ERR_CLIENT_GONE' });
});

t.test('the id is the one of a trusted proxy where it is fit for a log, else a new one', async (t) => {
  const handle = ({ id }: { id: string }) => ({ status: 200, headers: [], body: id });
  const { url } = await serve(t, handle);
  const ask = async (at: string, id: string) => (await fetch(at, { headers: { 'x-request-id': id } })).text();
  t.equal(await ask(url, 'abc-1'), 'abc-1');
  t.not(await ask(url, 'has space'), 'has space');
  t.not(await ask(url, 'x'.repeat(201)), 'x'.repeat(201));
  const wary = await serve(t, handle, { trust: [] });
  t.not(await ask(wary.url, 'abc-1'), 'abc-1');
  t.not(await ask(url, ''), await ask(url, ''));
});

t.test('an upgrade is taken over, or refused by an ordinary response', async (t) => {
  const { port, server } = await serve(t, ({ upgrade, target }) => {
    if (upgrade === null || target === '/no') return { status: 426, headers: [], body: 'no' };
    const socket = upgrade.take();
    t.throws(() => upgrade.take(), { code: 'TSGI_ERR_UPGRADE_TAKEN' });
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${upgrade.protocol}`,
    );
    return TAKEN;
  });
  const ask = (target: string, protocol: string) =>
    exchange(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`);
  t.match(await ask('/', 'websocket'), /^HTTP\/1\.1 101 [\s\S]*\r\n\r\nwebsocket$/);
  t.match(await ask('/no', 'websocket'), /^HTTP\/1\.1 426 [\s\S]*Connection: close\r\n[\s\S]*no$/);
  t.match(await ask('/', 'h2c'), /^HTTP\/1\.1 426 /);
  await server.drain();
  t.match(server.stats(), { inFlight: 0, requests: 3 });
});

t.test('pipelined requests are answered in their order', async (t) => {
  const { port } = await serve(t, async ({ target }) => {
    // The first one takes longest.
    for (let i = Number(target.slice(1)); i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    return { status: 200, headers: [], body: `[${target}]` };
  });
  const pipelined = [1, 2, 3].map(
    (i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${i === 3 ? 'Connection: close\r\n' : ''}\r\n`,
  );
  t.strictSame((await exchange(port, pipelined.join(''))).match(/\[\/\d\]/g), ['[/1]', '[/2]', '[/3]']);
});

t.test('HTTP/1.0 gets no chunks, and its connection is closed', async (t) => {
  const { port } = await serve(t, ({ httpVersion }) => ({
    status: 200,
    headers: [],
    body: (async function* () {
      yield bytes(`version ${httpVersion}`);
    })(),
  }));
  t.match(await exchange(port, 'GET / HTTP/1.0\r\n\r\n'), /\r\n\r\nversion 1\.0$/);
});

t.test('100 Continue is not sent within an answer that has begun', async (t) => {
  const { port } = await serve(t, ({ body }) => ({
    status: 200,
    headers: [],
    body: (async function* () {
      yield bytes('first,');
      for await (const chunk of body ?? []) yield chunk;
    })(),
  }));
  const post =
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\nsecond';
  const reply = await exchange(port, post);
  t.match(reply, /^HTTP\/1\.1 200 OK\r\n.*first,.*second.*\r\n0\r\n\r\n$/s);
  t.notMatch(reply, /100 Continue/);
});

t.test('a body past its limit, whose reader has stopped, does not hold the connection', async (t) => {
  const { port } = await serve(
    t,
    async ({ body, target }) => {
      try {
        for await (const _ of body ?? []) if (target === '/early') break;
      } catch {
        // The application makes an answer of it.
      }
      return { status: 200, headers: [], body: 'answered' };
    },
    { limits: { bodyBytes: 100 } },
  );
  for (const target of ['/early', '/caught']) {
    const chunk = `40\r\n${'x'.repeat(64)}\r\n`;
    const head = `POST ${target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    t.match(await exchange(port, head + chunk, chunk, chunk), /answered$/, target);
  }
});
