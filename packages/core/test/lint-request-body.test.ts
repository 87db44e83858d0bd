// Section C: the body of a request, as the server gives it and as the application reads it, and its trailers.

import t from 'tap';
import type { Body, GatewayRequest, GatewayResponse, HeaderList } from '../src/index.ts';
import { breaksOf, chunks, ok, serve, untested } from './fixtures/linted.ts';

/** A request with a body, and the header fields that announce it. */
function post(body: Body | null, length?: number): Partial<GatewayRequest> {
  const framing = length === undefined ? ['transfer-encoding', 'chunked'] : ['content-length', String(length)];
  return { method: 'POST', headers: ['host', 'example.org', ...framing], body };
}

/** An application that reads the whole body and answers with it. */
async function echo({ body }: GatewayRequest): Promise<GatewayResponse> {
  let text = '';
  if (body !== null) for await (const chunk of body) text += new TextDecoder().decode(chunk);
  return { ...ok, body: text };
}

/** A body that gives these results, whatever they are. */
function results(...given: unknown[]): Body {
  return {
    [Symbol.asyncIterator]: () => ({ next: async () => given.shift() as IteratorResult<Uint8Array> }),
  };
}

t.test('a body passes through lint as it is', async (t) => {
  for (const changes of [post(chunks('a', 'bc'), 3), post(chunks('a', 'bc'))]) {
    const worker = await serve(echo);
    t.equal((await worker.fetch(changes)).text, 'abc');
    t.same(worker.broken, []);
  }
});

t.test('an error of the body passes unchanged, and one left early is left', async (t) => {
  const gone = new Error('gone');
  let returned = false;
  async function* cut(): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(1);
      throw gone;
    } finally {
      returned = true;
    }
  }
  const worker = await serve(echo);
  await t.rejects(worker.fetch(post(cut(), 5)), gone);

  returned = false;
  const early = async ({ body }: GatewayRequest): Promise<GatewayResponse> => {
    for await (const _ of body as Body) break;
    return ok;
  };
  t.same(await breaksOf(early, post(cut(), 5)), []);
  t.equal(returned, true);
  t.same(await breaksOf(early, post(results({ done: false, value: new Uint8Array(1) }), 5)), []);
  t.same(worker.broken, []);
});

t.test('a chunk that is awaited when the body is left does not end it', async (t) => {
  let end = (): void => {};
  const body: Body = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          end = () => resolve({ done: true, value: undefined });
        }),
      async return() {
        end();
        return { done: true, value: undefined };
      },
    }),
  };
  const leave = async (request: GatewayRequest): Promise<GatewayResponse> => {
    const iterator = (request.body as Body)[Symbol.asyncIterator]();
    const awaited = iterator.next();
    await iterator.return?.();
    t.equal((await awaited).done, true);
    return ok;
  };
  t.same(await breaksOf(leave, post(body, 5)), []);
});

t.test('C1: a body is there exactly when the header fields announce bytes', async (t) => {
  const none = { headers: ['host', 'example.org'] };
  t.same(await breaksOf(() => ok, post(null, 0)), []);
  t.same(await breaksOf(() => ok, post(null, 1)), ['C1 server']);
  t.same(await breaksOf(() => ok, post(null)), ['C1 server']);
  t.same(await breaksOf(() => ok, { ...none, body: chunks() }), ['C1 server']);
  t.same(await breaksOf(() => ok, post(chunks(), 0)), ['C1 server']);
  t.same(await breaksOf(() => ok, { ...none, body: undefined as unknown as null }), ['C1 server']);
  // HTTP/2 needs no field to announce a body.
  t.same(await breaksOf(() => ok, { ...none, httpVersion: '2.0', body: chunks() }), []);
  t.same(await breaksOf(() => ok, { ...none, httpVersion: '2.0' }), []);
});

t.test('C2: a body is async iterable and gives results', async (t) => {
  t.same(await breaksOf(() => ok, post('text' as unknown as Body)), ['C2 server']);
  t.same(await breaksOf(() => ok, post([] as unknown as Body)), ['C2 server']);
  const once = async ({ body }: GatewayRequest): Promise<GatewayResponse> => {
    await body?.[Symbol.asyncIterator]().next();
    return ok;
  };
  t.same(await breaksOf(once, post(results(undefined))), ['C2 server']);
});

t.test('C3: a body is read once', async (t) => {
  const twice = async (request: GatewayRequest): Promise<GatewayResponse> => {
    await echo(request);
    return echo(request);
  };
  t.same(await breaksOf(twice, post(chunks('a'))), ['C3 application']);
  const strict = await serve(twice, { strict: true });
  await t.rejects(strict.fetch(post(chunks('a'))), { message: /C3/ });
});

t.test('C4: one chunk is asked for at a time', async (t) => {
  const hasty = async ({ body }: GatewayRequest): Promise<GatewayResponse> => {
    const iterator = (body as Body)[Symbol.asyncIterator]();
    await Promise.all([iterator.next(), iterator.next()]);
    return ok;
  };
  t.same(await breaksOf(hasty, post(chunks('a', 'b'))), ['C4 application']);
});

t.test('C5: chunks are bytes, at least one', async (t) => {
  const chunk = (value: unknown): Promise<string[]> =>
    breaksOf(
      async ({ body }) => {
        for await (const _ of body as Body);
        return ok;
      },
      post(results({ done: false, value }, { done: true })),
    );
  t.same(await chunk(Buffer.from('a')), []);
  t.same(await chunk('a'), ['C5 server']);
  t.same(await chunk(new ArrayBuffer(1)), ['C5 server']);
  t.same(await chunk(new Uint8Array(0)), ['C5 server']);
});

t.test('C6: a body that ends has the announced length', async (t) => {
  t.same(await breaksOf(echo, post(chunks('ab'), 3)), ['C6 server']);
  t.same(await breaksOf(echo, post(chunks('abcd'), 3)), ['C6 server']);
});

t.test('C11 and C12: trailers come after the body, and are fields', async (t) => {
  const reading = (
    trailers: HeaderList,
    when: 'before' | 'after',
    body: Body | null = chunks('a'),
  ): Promise<string[]> =>
    breaksOf(
      async (request) => {
        if (when === 'after') await echo(request);
        t.equal(request.trailers, trailers);
        return ok;
      },
      { ...(body === null ? {} : post(body)), trailers },
    );
  t.same(await reading([], 'before'), []);
  t.same(await reading(['x-sum', '1'], 'after'), []);
  t.same(await reading(['x-sum', '1'], 'before'), ['C11 server']);
  t.same(await reading(['x-sum', '1'], 'after', null), ['C11 server']);
  t.same(await reading(['X-Sum', '1'], 'after'), ['C12 server']);
  t.same(await reading(['x-sum', '\n'], 'after'), ['C12 server']);
  t.same(await reading(['x-sum'], 'after'), ['C12 server']);
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('C'), []);
  t.end();
});
