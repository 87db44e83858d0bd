// A gateway application in somebody else's fetch server.

import { setImmediate as turn } from 'node:timers/promises';
import { fromFetch, toFetch } from '@tsgi/bridge-fetch';
import {
  type Application,
  type Body,
  type GatewayRequest,
  type GatewayResponse,
  type Log,
  lint,
  mount,
  type Outcome,
  TAKEN,
} from '@tsgi/core';
import fc from 'fast-check';
import { Hono } from 'hono';
import { t } from 'tap';
import { CountedBody, endless } from './fixtures/gateway-request.ts';

interface Line {
  readonly fields: { readonly err?: Error & { readonly code?: string } };
  readonly message: string;
}

/** A log that keeps its errors. */
function log(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  return { lines, debug() {}, info() {}, warn() {}, error: (fields, message) => void lines.push({ fields, message }) };
}

/** What an application is given for `request`. */
async function received(request: Request, options: { mountPath?: string } = {}): Promise<GatewayRequest> {
  let seen: GatewayRequest | undefined;
  const handle = (request: GatewayRequest): Outcome => {
    seen = request;
    return { status: 200, headers: [], body: null };
  };
  await toFetch({ handle }, options)(request);
  if (seen === undefined) throw new Error('the application was not called');
  return seen;
}

/** The Response to a request of `method`, and the log. */
async function answered(outcome: unknown, method = 'GET'): Promise<{ response: Response; lines: Line[] }> {
  const kept = log();
  const response = await toFetch(
    { handle: () => outcome as Outcome },
    { log: kept },
  )(new Request('http://localhost/', { method }));
  return { response, lines: kept.lines };
}

const ok = (body: GatewayResponse['body'], ...headers: string[]): GatewayResponse => ({ status: 200, headers, body });

t.test('the request is the same in the gateway’s words', async (t) => {
  const request = await received(
    new Request('https://EXAMPLE.org:8443/a%20b/../c?d=e#f', {
      headers: [
        ['X-One', '1'],
        ['cookie', 'a'],
        ['cookie', 'b'],
      ],
    }),
  );
  t.equal(request.method, 'GET');
  t.equal(request.scheme, 'https');
  t.equal(request.host, 'example.org:8443');
  t.equal(request.target, '/c?d=e');
  t.equal(request.mountPath, '');
  t.same(request.headers, ['host', 'example.org:8443', 'cookie', 'a; b', 'x-one', '1']);
  t.equal(request.fields.cookie, 'a; b');
  t.equal(request.body, null);
  t.same(request.trailers, []);
  t.same(request.client, { kind: 'unix' });
  t.equal(request.peer, request.client);
  t.equal(request.upgrade, null);
  t.equal(request.inform(103, []), undefined);
});

t.test('a host field that came with the request stays', async (t) => {
  const { headers } = await received(new Request('http://internal/', { headers: { host: 'example.org' } }));
  t.same(headers, ['host', 'example.org']);
});

t.test('ids are unique', async (t) => {
  const ids = new Set<string>();
  const serve = toFetch({
    handle({ id }) {
      ids.add(id);
      return ok(null);
    },
  });
  for (let i = 0; i < 100; i++) await serve(new Request('http://localhost/'));
  t.equal(ids.size, 100);
});

t.test('the client is who the host says it is', async (t) => {
  interface Info {
    readonly remoteAddr: { readonly hostname: string; readonly port: number };
  }
  const serve = toFetch<[Info]>(
    { handle: ({ client }) => ok(JSON.stringify(client)) },
    { client: (_request, { remoteAddr }) => ({ kind: 'ip', address: remoteAddr.hostname, port: remoteAddr.port }) },
  );
  const response = await serve(new Request('http://localhost/'), { remoteAddr: { hostname: '192.0.2.9', port: 9 } });
  t.same(await response.json(), { kind: 'ip', address: '192.0.2.9', port: 9 });
});

t.test('under a prefix', async (t) => {
  const where: Application = { handle: ({ mountPath, target }) => ok(`${mountPath} ${target}`) };

  await t.test('that the host takes off, mountPath says what is missing', async (t) => {
    const app = new Hono().mount('/x', toFetch(where, { mountPath: '/x' }));
    t.equal(await (await app.request('/x/y?z')).text(), '/x /y?z');
    t.equal(await (await app.request('/x')).text(), '/x /');
  });
  await t.test('that the host leaves on, core’s mount takes it off', async (t) => {
    const serve = toFetch(mount('/x', where));
    const app = new Hono().all('/x/*', (c) => serve(c.req.raw));
    t.equal(await (await app.request('/x/y?z')).text(), '/x /y?z');
  });
  await t.test('that is none, it is refused', (t) => {
    for (const mountPath of ['x', '/', '/x/', '/x?y', '/x#y']) {
      t.throws(() => toFetch(where, { mountPath }), { code: 'TSGI_ERR_OPTION' }, mountPath);
    }
    t.doesNotThrow(() => toFetch(where, { mountPath: '/a/b' }));
    t.end();
  });
});

t.test('a body is pulled one chunk a read, and read once', async (t) => {
  const sent = new CountedBody(endless());
  const stream = new ReadableStream(
    {
      start(controller) {
        Object.assign(sent, { controller });
      },
      async pull(controller) {
        sent.asked++;
        controller.enqueue(new Uint8Array(1024));
      },
      cancel() {
        sent.returned++;
      },
    },
    { highWaterMark: 0 },
  );
  const request = await received(new Request('http://localhost/', { method: 'POST', body: stream, duplex: 'half' }));
  t.same(request.headers, ['host', 'localhost', 'transfer-encoding', 'chunked'], 'framed as on a wire');
  t.equal(sent.asked, 0);
  const iterator = (request.body as Body)[Symbol.asyncIterator]();
  await iterator.next();
  t.equal(sent.asked, 1);
  await iterator.next();
  t.equal(sent.asked, 2);
  await iterator.return?.();
  t.equal(sent.returned, 1);
});

t.test('the body of a request can be iterated once', async (t) => {
  const outcomes: unknown[] = [];
  const serve = toFetch({
    async handle({ body }) {
      for await (const chunk of body as Body) outcomes.push(Buffer.from(chunk).toString());
      try {
        (body as Body)[Symbol.asyncIterator]();
      } catch (error) {
        outcomes.push((error as { code: string }).code);
      }
      return ok(null);
    },
  });
  await serve(new Request('http://localhost/', { method: 'POST', body: 'hello' }));
  t.same(outcomes, ['hello', 'TSGI_ERR_BODY_READ_TWICE']);
});

t.test('a message that says it has no bytes has no body', async (t) => {
  const init = { method: 'POST', body: '', headers: { 'content-length': '0' } };
  const request = await received(new Request('http://localhost/', init));
  t.equal(request.body, null);
  t.equal(request.fields['transfer-encoding'], undefined);
});

t.test('the signal is the Request’s', async (t) => {
  const aborter = new AbortController();
  const request = await received(new Request('http://localhost/', { signal: aborter.signal }));
  t.equal(request.signal.aborted, false);
  aborter.abort();
  t.equal(request.signal.aborted, true);
});

t.test('the response: status, fields, body', async (t) => {
  const { response } = await answered({
    status: 201,
    headers: ['X-One', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
    body: 'grüße',
  });
  t.equal(response.status, 201);
  t.same(
    [...response.headers],
    [
      ['content-length', '7'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-one', '1'],
    ],
    'no content-type of its own',
  );
  t.equal(await response.text(), 'grüße');
  t.equal(await (await answered(ok(new Uint8Array([104, 105])))).response.text(), 'hi');
  t.equal((await answered(ok(null))).response.body, null);
});

t.test('fields of the connection are dropped', async (t) => {
  const { response } = await answered(
    ok('x', 'Connection', 'close', 'transfer-encoding', 'chunked', 'Content-Length', '1'),
  );
  t.same([...response.headers], [['content-length', '1']]);
});

t.test('no body on HEAD, 204, 205 and 304, and what would have made one is let go', async (t) => {
  for (const [status, method] of [
    [200, 'HEAD'],
    [204, 'GET'],
    [205, 'GET'],
    [304, 'GET'],
  ] as const) {
    const body = new CountedBody(endless());
    const { response } = await answered({ status, headers: [], body }, method);
    t.equal(response.status, status);
    t.equal(response.body, null);
    t.equal(body.asked, 0);
    t.equal(body.returned, 1);
  }
  const head = await answered(ok('hello'), 'HEAD');
  t.equal(head.response.headers.get('content-length'), '5');
  t.equal(head.response.body, null);
  const announced = await answered(ok(null, 'content-length', '5'), 'HEAD');
  t.equal(announced.response.headers.get('content-length'), '5');
  const empty = await answered({ status: 304, headers: ['content-length', '5', 'etag', '"a"'], body: null });
  t.equal(empty.response.status, 304);
});

t.test('a streamed body is pulled one chunk a read; leaving returns its iterator', async (t) => {
  const body = new CountedBody(endless());
  const { response } = await answered(ok(body));
  const reader = response.body?.getReader();
  await turn();
  t.equal(body.asked, 0);
  await reader?.read();
  t.equal(body.asked, 1);
  await reader?.read();
  t.equal(body.asked, 2);
  await reader?.cancel();
  t.equal(body.asked, 2);
  t.equal(body.returned, 1);
});

t.test('chunks without bytes are passed over', async (t) => {
  const { response } = await answered(ok(new CountedBody(['', 'a', '', '', 'b', ''])));
  const chunks = await Array.fromAsync(response.body as unknown as AsyncIterable<Uint8Array>);
  t.same(chunks.map(String), ['97', '98']);
});

t.test('leaving before the first chunk lets go of the body', async (t) => {
  const body = new CountedBody(endless());
  await (await answered(ok(body))).response.body?.cancel();
  t.equal(body.returned, 1);
});

t.test('leaving while a chunk is awaited', async (t) => {
  let returned = 0;
  const waiting = Promise.withResolvers<IteratorResult<Uint8Array, undefined>>();
  const body: Body = {
    [Symbol.asyncIterator]: () => ({
      next: () => waiting.promise,
      return: async () => {
        returned++;
        waiting.resolve({ done: true, value: undefined });
        return waiting.promise;
      },
    }),
  };
  const { response, lines } = await answered(ok(body, 'content-length', '5'));
  const reader = response.body?.getReader();
  const read = reader?.read();
  await reader?.cancel();
  t.equal((await read)?.done, true);
  t.equal(returned, 1);
  t.same(lines, [], 'that too little was sent is nobody’s fault');
});

t.test('a body that fails errors the stream, with one entry of the log', async (t) => {
  const body = new CountedBody(
    (function* () {
      yield 'part';
      throw new Error('disk');
    })(),
  );
  const { response, lines } = await answered(ok(body));
  await t.rejects(response.text(), { message: 'disk' });
  t.equal(lines.length, 1);
  t.match(lines[0], { fields: { err: { message: 'disk' } }, message: /cut/ });
});

t.test('a Content-Length that does not hold', async (t) => {
  const whole = await answered(ok('hello', 'Content-Length', '4'));
  t.equal(whole.response.status, 500);
  t.match(whole.lines[0]?.fields.err, { code: 'TSGI_ERR_CONTENT_LENGTH' });

  for (const announced of ['3', '7']) {
    const body = new CountedBody(['ab', 'cde']);
    const { response, lines } = await answered(ok(body, 'content-length', announced));
    await t.rejects(response.text(), { code: 'TSGI_ERR_CONTENT_LENGTH' });
    t.match(lines[0]?.fields.err, { code: 'TSGI_ERR_CONTENT_LENGTH' });
    t.equal(lines.length, 1);
    t.equal(body.returned, 1);
  }
  const { response } = await answered(ok(new CountedBody(['ab', 'cde']), 'content-length', '5'));
  t.equal(await response.text(), 'abcde');
});

t.test('a body that cannot be let go does not hide what was wrong first', async (t) => {
  const stubborn = (): Body => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: new Uint8Array(2) }),
      return: () => Promise.reject(new Error('stubborn')),
    }),
  });
  const cut = await answered(ok(stubborn(), 'content-length', '1'));
  await t.rejects(cut.response.text(), { code: 'TSGI_ERR_CONTENT_LENGTH' });
  const { response, lines } = await answered(ok(stubborn(), 'bad name', 'x'));
  t.equal(response.status, 500);
  t.match(lines, [{ fields: { err: { message: /bad name/ } } }]);
});

t.test('what cannot be sent is a 500 without detail and one entry of the log; its body is let go', async (t) => {
  const cases: [outcome: unknown, message: RegExp][] = [
    [undefined, /it is undefined, not an object/],
    [null, /it is null, not an object/],
    [TAKEN, /fetch has no upgrade/],
    [{ status: 101, headers: [], body: null }, /its status is 101/],
    [{ status: 200.5, headers: [], body: null }, /its status is 200\.5/],
    [{ status: '200', headers: [], body: null }, /its status is 200/],
    [{ status: 200, headers: ['a'], body: null }, /not a flat list/],
    [{ status: 200, headers: {}, body: null }, /not a flat list/],
    [{ status: 200, headers: [], body: undefined }, /its body is undefined/],
    [{ status: 200, headers: [], body: { a: 1 } }, /its body is an object of Object/],
    [ok('x', 'content-length', '1', 'content-length', '1'), /its Content-Length is "1, 1"/],
    [ok('x', 'a b', 'c'), /a b/],
    [ok('x', 'a', 'b\r\nc: d'), /./],
  ];
  for (const [outcome, message] of cases) {
    const { response, lines } = await answered(outcome);
    t.equal(response.status, 500);
    t.equal(await response.text(), 'Internal Server Error\n');
    t.equal(lines.length, 1);
    t.match(lines[0], { fields: { err: { message } }, message: 'the application failed to answer' });
  }
  const body = new CountedBody(endless());
  await answered(ok(body, 'bad name', 'x'));
  t.equal(body.returned, 1);
  const strings = await answered(
    ok(
      // biome-ignore lint/suspicious/noExplicitAny: what an application in JavaScript can do
      (async function* (): AsyncGenerator<any> {
        yield 'text';
      })(),
    ),
  );
  await t.rejects(strings.response.text(), { message: /gave text instead of bytes/ });
});

t.test('a throw is a 500 without detail and one entry of the log', async (t) => {
  for (const method of ['GET', 'HEAD']) {
    const kept = log();
    const handle = () => Promise.reject(new Error('secret'));
    const response = await toFetch({ handle }, { log: kept })(new Request('http://localhost/a', { method }));
    t.equal(response.status, 500);
    t.equal(await response.text(), method === 'HEAD' ? '' : 'Internal Server Error\n');
    t.equal(kept.lines.length, 1);
    t.match(kept.lines[0], { fields: { err: { message: 'secret' }, method, target: '/a' } });
  }
});

t.test('start runs once, before the first request; stop once, after the last response', async (t) => {
  const calls: string[] = [];
  let chunks: CountedBody | undefined;
  const application: Application = {
    async start(context) {
      await turn();
      calls.push(`start ${context.name}`);
      context.draining.addEventListener('abort', () => calls.push('draining'));
    },
    handle() {
      calls.push('handle');
      chunks = new CountedBody(['a', 'b']);
      return ok(chunks);
    },
    stop() {
      calls.push('stop');
    },
  };
  const serve = toFetch(lint(application), { name: 'mine' });
  const [first, second] = await Promise.all([1, 2].map(() => serve(new Request('http://localhost/'))));
  t.same(calls, ['start mine', 'handle', 'handle']);
  const stopped = serve.stop();
  t.equal(serve.stop(), stopped);
  t.equal((await serve(new Request('http://localhost/'))).status, 503);
  t.equal(await first?.text(), 'ab');
  await turn();
  t.same(calls.slice(3), ['draining'], 'one response is still on its way');
  await second?.body?.cancel();
  await stopped;
  t.same(calls.slice(3), ['draining', 'stop']);
});

t.test('start can be run before the first request', async (t) => {
  const calls: string[] = [];
  const serve = toFetch({
    start: () => void calls.push('start'),
    handle() {
      calls.push('handle');
      return ok(null);
    },
  });
  await serve.start();
  t.same(calls, ['start']);
  await serve(new Request('http://localhost/'));
  t.same(calls, ['start', 'handle']);
});

t.test('stop waits for waitUntil', async (t) => {
  const work = Promise.withResolvers<void>();
  const calls: string[] = [];
  const serve = toFetch({
    handle(_request, context) {
      context.waitUntil(work.promise.then(() => calls.push('worked')));
      return ok(null);
    },
    stop: () => void calls.push('stop'),
  });
  await serve(new Request('http://localhost/'));
  const stopped = serve.stop();
  await turn();
  t.same(calls, []);
  work.resolve();
  await stopped;
  t.same(calls, ['worked', 'stop']);
});

t.test('an application that does not start answers nothing, and is not stopped', async (t) => {
  const kept = log();
  let handled = 0;
  let stopped = 0;
  const serve = toFetch(
    {
      start: () => Promise.reject(new Error('no database')),
      handle() {
        handled++;
        return ok(null);
      },
      stop() {
        stopped++;
      },
    },
    { log: kept },
  );
  for (let i = 0; i < 3; i++) t.equal((await serve(new Request('http://localhost/'))).status, 500);
  await t.rejects(serve.start(), { message: 'no database' });
  t.equal(kept.lines.length, 1);
  await serve.stop();
  t.equal(handled, 0);
  t.equal(stopped, 0);
});

t.test('an application that was never started is not stopped', async (t) => {
  let stopped = 0;
  const serve = toFetch({
    handle: () => ok(null),
    stop() {
      stopped++;
    },
  });
  await serve.stop();
  t.equal(stopped, 0);
});

t.test('there and back again, an application answers the same', async (t) => {
  const echo: Application = {
    async handle({ method, target, headers, body }) {
      const chunks = body === null ? [] : await Array.fromAsync(body);
      const own = headers.filter((_, i) => headers[i - (i % 2)]?.startsWith('x-'));
      return { status: 200, headers: own, body: `${method} ${target} ${Buffer.concat(chunks)}` };
    },
  };
  const direct = toFetch(echo);
  const around = toFetch(lint(fromFetch(toFetch(lint(echo)))));
  const fields = fc.dictionary(fc.stringMatching(/^x-[a-z]{1,5}$/), fc.stringMatching(/^[!-~]{0,10}$/));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
      fc.webPath(),
      fields,
      fc.string({ unit: 'grapheme' }),
      async (method, path, headers, body) => {
        const request = () =>
          new Request(`http://localhost${path.startsWith('/') ? path : `/${path}`}`, {
            method,
            headers,
            body: method === 'GET' ? null : body,
          });
        const [one, other] = await Promise.all([direct(request()), around(request())]);
        t.equal(other.status, one.status);
        t.same([...other.headers], [...one.headers]);
        t.equal(await other.text(), await one.text());
      },
    ),
    { numRuns: 200 },
  );
});
