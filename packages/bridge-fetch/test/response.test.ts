// What becomes of the Response that an application returns.

import { setImmediate as turn } from 'node:timers/promises';
import { fromFetch } from '@tsgi/bridge-fetch';
import { type Body, createContext, type GatewayRequest, type GatewayResponse } from '@tsgi/core';
import { t } from 'tap';
import { gatewayRequest } from './fixtures/gateway-request.ts';

const { context } = createContext();

async function answer(make: () => unknown, changes: Partial<GatewayRequest> = {}): Promise<GatewayResponse> {
  const application = fromFetch(make as () => Response);
  return (await application.handle(gatewayRequest(changes), context)) as GatewayResponse;
}

function iterator(body: GatewayResponse['body']): AsyncIterator<Uint8Array> {
  return (body as Body)[Symbol.asyncIterator]();
}

async function read(body: GatewayResponse['body']): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body as Body) text += decoder.decode(chunk, { stream: true });
  return text;
}

/** A Response whose stream counts what is asked of it. It reads nothing ahead. */
class Source {
  pulled = 0;
  cancelled = 0;
  readonly response: Response;

  constructor(next: (source: Source) => Uint8Array | string | undefined | Promise<Uint8Array | undefined>) {
    const stream = new ReadableStream(
      {
        pull: async (controller) => {
          this.pulled++;
          const chunk = await next(this);
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: () => {
          this.cancelled++;
        },
      },
      { highWaterMark: 0 },
    );
    this.response = new Response(stream);
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('status and fields go on, each cookie as a field of its own', async (t) => {
  const { status, headers } = await answer(() => {
    const headers = new Headers({ 'X-One': '1' });
    headers.append('set-cookie', 'a=1; Path=/');
    headers.append('set-cookie', 'b=2, still b');
    headers.append('vary', 'accept');
    headers.append('vary', 'origin');
    return new Response(null, { status: 418, headers });
  });
  t.equal(status, 418);
  t.same(headers, ['set-cookie', 'a=1; Path=/', 'set-cookie', 'b=2, still b', 'vary', 'accept, origin', 'x-one', '1']);
});

t.test('fields of the connection are the adapter’s, and stay behind', async (t) => {
  const fields = {
    connection: 'keep-alive',
    'transfer-encoding': 'chunked',
    'keep-alive': 'timeout=5',
    upgrade: 'h2c',
  };
  const { headers } = await answer(() => new Response(null, { headers: { ...fields, 'x-own': '1' } }));
  t.same(headers, ['x-own', '1']);
});

t.test('a body that is there already goes on in one piece', async (t) => {
  const bodies = [
    () => new Response('Hello World!'),
    () => new Response(bytes('Hello World!')),
    () => new Response(bytes('Hello World!').buffer as ArrayBuffer),
    () => new Response(new URLSearchParams({ a: 'b' })),
    () => Response.json({ hello: 'world' }),
    () => new Response('ü'.repeat(100_000)),
    async () => new Response('later'),
  ];
  for (const make of bodies) {
    const { body } = await answer(make);
    t.type(body, Uint8Array);
    t.ok(Buffer.from(await (await make()).bytes()).equals(body as Uint8Array));
  }
  t.same((await answer(() => new Response(''))).body, new Uint8Array());
  t.equal((await answer(() => new Response(null))).body, null);
  t.equal((await answer(() => new Response(null, { status: 204 }))).body, null);
  t.equal((await answer(() => new Response(null, { status: 304 }))).body, null);
});

t.test('a body that comes later goes on as it comes', async (t) => {
  t.equal(await read((await answer(() => new Response(new Blob(['blob'])))).body), 'blob');
  const form = new FormData();
  form.set('a', 'b');
  t.match(await read((await answer(() => new Response(form))).body), /name="a"\r\n\r\nb\r\n/);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes('a');
    await turn();
    yield bytes('b');
  }
  t.equal(await read((await answer(() => new Response(ReadableStream.from(chunks())))).body), 'ab');
});

t.test('the head does not wait for a slow body', async (t) => {
  let give = (_chunk: Uint8Array | undefined): void => {};
  const source = new Source(
    () =>
      new Promise((resolve) => {
        give = resolve;
      }),
  );
  const { body } = await answer(() => source.response);
  const chunks = iterator(body);
  const first = chunks.next();
  give(bytes('late'));
  t.same((await first).value, bytes('late'));
  const second = chunks.next();
  await turn();
  give(undefined);
  t.equal((await second).done, true);
});

t.test('no chunk but the first is asked for before the client takes it', async (t) => {
  const source = new Source(() => new Uint8Array(1024));
  const { body } = await answer(() => source.response);
  t.equal(source.pulled, 1);
  await turn();
  t.equal(source.pulled, 1);
  const chunks = iterator(body);
  await chunks.next();
  t.equal(source.pulled, 1);
  await chunks.next();
  await chunks.next();
  t.equal(source.pulled, 3);
  await chunks.return?.();
});

t.test('when the client leaves, the stream is cancelled', async (t) => {
  await t.test('before it was read', async (t) => {
    const source = new Source(() => new Uint8Array(1));
    await iterator((await answer(() => source.response)).body).return?.();
    t.equal(source.cancelled, 1);
  });
  await t.test('between two chunks', async (t) => {
    const source = new Source(() => new Uint8Array(1));
    const chunks = iterator((await answer(() => source.response)).body);
    await chunks.next();
    await chunks.next();
    await chunks.return?.();
    t.equal(source.cancelled, 1);
    t.equal((await chunks.next()).done, true);
  });
  await t.test('while a chunk is awaited', async (t) => {
    const source = new Source(() => new Promise(() => {}));
    const chunks = iterator((await answer(() => source.response)).body);
    const waiting = chunks.next();
    await chunks.return?.();
    t.equal(source.cancelled, 1);
    t.equal((await waiting).done, true);
  });
});

t.test('a stream that fails at once is a failed answer, one that fails later a cut one', async (t) => {
  const early = new Source(() => Promise.reject(new Error('early')));
  await t.rejects(
    answer(() => early.response),
    { message: 'early' },
  );

  const late = new Source(({ pulled }) => (pulled < 2 ? bytes('a') : Promise.reject(new Error('late'))));
  const chunks = iterator((await answer(() => late.response)).body);
  t.same((await chunks.next()).value, bytes('a'));
  await t.rejects(chunks.next(), { message: 'late' });
});

t.test('an answer to HEAD has the fields of GET and no body', async (t) => {
  const head = { method: 'HEAD' };
  const whole = await answer(() => new Response('Hello World!'), head);
  t.equal(whole.body, null);
  t.same(whole.headers, ['content-type', 'text/plain;charset=UTF-8', 'content-length', '12']);

  const announced = await answer(() => new Response('Hello World!', { headers: { 'content-length': '12' } }), head);
  t.same(announced.headers, ['content-length', '12', 'content-type', 'text/plain;charset=UTF-8']);

  const source = new Source(() => new Uint8Array(1024));
  t.equal((await answer(() => source.response, head)).body, null);
  t.equal(source.cancelled, 1, 'a stream is let go');
});

t.test('what cannot be sent is an error that says why', async (t) => {
  const used = new Response('x');
  await used.text();
  const locked = new Response('x');
  locked.body?.getReader();
  const cases: [unknown, RegExp][] = [
    [undefined, /returned undefined, and not a Response/],
    [null, /returned null, and not a Response/],
    ['Hello', /returned string, and not a Response/],
    [{ status: 200 }, /returned object, and not a Response/],
    [Response.error(), /Response\.error\(\)/],
    [used, /its body was read before/],
    [locked, /its body was read before/],
    [{ status: 101, headers: new Headers(), body: null }, /its status is 101/],
  ];
  for (const [value, message] of cases) {
    await t.rejects(
      answer(() => value),
      { code: 'TSGI_ERR_RESPONSE', message },
    );
  }
});

t.test('a stream of strings is no stream of bytes: it goes on, for the adapter to refuse', async (t) => {
  const source = new Source(({ pulled }) => (pulled === 1 ? 'text' : undefined));
  const chunks = iterator((await answer(() => source.response)).body);
  t.equal((await chunks.next()).value, 'text');
});

t.test('a response of another implementation is taken by its shape', async (t) => {
  const standard = new Response('shape', { status: 201 });
  const { status, headers, body } = standard;
  const answered = await answer(() => ({ status, headers, body, bodyUsed: false }));
  t.equal(answered.status, 201);
  t.same(answered.body, bytes('shape'));
});
