// Section E: the body of a response, as the application makes it and as the server reads it, and its trailers.

import { Readable } from 'node:stream';
import t from 'tap';
import type { Body, GatewayRequest, GatewayResponse, HeaderList } from '../src/index.ts';
import { breaksOf, chunks, ok, read, serve, untested, type Worker } from './fixtures/linted.ts';

const any = (value: unknown): never => value as never;

/** The body of what `worker` answers. */
async function bodyOf(worker: Worker, changes?: Partial<GatewayRequest>): Promise<Body> {
  return ((await worker.ask(changes)) as GatewayResponse).body as Body;
}

/** A body of two chunks, and whether it was closed. */
function closable(): { body: Body; closed: () => boolean } {
  let closed = false;
  async function* two(): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(1);
      yield new Uint8Array(1);
    } finally {
      closed = true;
    }
  }
  return { body: two(), closed: () => closed };
}

t.test('every kind of body passes through lint as it is', async (t) => {
  const bodies = ['abc', new Uint8Array([97, 98, 99]), chunks('a', '', 'bc'), Readable.from([Buffer.from('abc')])];
  for (const body of bodies) {
    for (const headers of [[], ['Content-Length', '3']]) {
      if (headers.length > 0 && typeof body !== 'string') continue;
      const worker = await serve(() => ({ ...ok, headers, body }));
      t.equal((await worker.fetch()).text, 'abc');
      await worker.end();
      t.same(worker.broken, []);
    }
  }
  t.same(await breaksOf(() => ({ ...ok, body: null })), []);
  t.same(await breaksOf(() => ({ ...ok, headers: ['content-length', '4'], body: 'caf\xe9'.slice(1) })), []);
  t.same(await breaksOf(() => ({ ...ok, headers: ['content-length', '3'], body: chunks('a', 'bc') })), []);
});

t.test('an error of the body passes unchanged', async (t) => {
  const error = new Error('its own');
  const worker = await serve(() => ({
    ...ok,
    // biome-ignore lint/correctness/useYield: it fails before its first chunk.
    body: (async function* (): AsyncGenerator<Uint8Array> {
      throw error;
    })(),
  }));
  await t.rejects(worker.fetch(), error);
  await worker.end();
  t.same(worker.broken, []);
});

t.test('E1: a body is text, bytes, an async iterable or null', async (t) => {
  const body = async (body: unknown): Promise<string[]> => {
    const worker = await serve(() => ({ ...ok, body: body as null }));
    await worker.ask();
    return worker.broken;
  };
  t.same(await body(undefined), ['E1 application']);
  t.same(await body(1), ['E1 application']);
  t.same(await body([Buffer.from('a')]), ['E1 application']);
  t.same(await body(new ArrayBuffer(1)), ['E1 application']);
  t.same(await body(Object.create(null)), ['E1 application']);

  const worker = await serve(() => ({ ...ok, body: any({ [Symbol.asyncIterator]: () => ({ next: () => 1 }) }) }));
  await (await bodyOf(worker))[Symbol.asyncIterator]().next();
  t.same(worker.broken, ['E1 application']);
});

t.test('E2: no body where the status has none', async (t) => {
  for (const status of [204, 205, 304]) {
    t.same(await breaksOf(() => ({ ...ok, status, body: null })), []);
    t.same(await breaksOf(() => ({ ...ok, status, body: '' })), []);
    t.same(await breaksOf(() => ({ ...ok, status, body: 'x' })), ['E2 application']);
    t.same(await breaksOf(() => ({ ...ok, status, body: new Uint8Array(1) })), ['E2 application']);
  }
  const worker = await serve(() => ({ ...ok, status: 204, body: chunks('a') }));
  await worker.ask();
  t.same(worker.broken, ['E2 application']);
});

t.test('E2: HEAD may be answered as GET is', async (t) => {
  t.same(await breaksOf(() => ({ ...ok, headers: ['content-length', '9'], body: null }), { method: 'HEAD' }), []);
  t.same(await breaksOf(() => ({ ...ok, headers: ['content-length', '2'] }), { method: 'HEAD' }), []);
});

t.test('E3: nothing is read of a body that is not sent', async (t) => {
  const { body, closed } = closable();
  const worker = await serve(() => ({ ...ok, body }));
  const iterator = (await bodyOf(worker, { method: 'HEAD' }))[Symbol.asyncIterator]();
  await iterator.next();
  t.same(worker.broken, ['E3 server']);
  await iterator.return?.();
  t.equal(closed(), true);
  await worker.end();
  t.same(worker.broken, ['E3 server']);
});

t.test('E3: a break that is thrown closes the body behind it', async (t) => {
  const stream = Readable.from([Buffer.from('a')]);
  const worker = await serve(() => ({ ...ok, body: stream }), { strict: true });
  const iterator = (await bodyOf(worker, { method: 'HEAD' }))[Symbol.asyncIterator]();
  await t.rejects(iterator.next(), { message: /E3/ });
  t.equal(stream.destroyed, true);
  await worker.end();
  t.same(worker.errors, []);
});

t.test('E6: chunks are bytes', async (t) => {
  const worker = await serve(() => ({ ...ok, body: Readable.from(['text']) }));
  const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
  t.equal((await iterator.next()).value, 'text');
  t.same(worker.broken, ['E6 application']);

  const stream = Readable.from(['text', 'more']);
  const strict = await serve(() => ({ ...ok, body: stream }), { strict: true });
  await t.rejects(strict.fetch(), { message: /E6 is broken: response.body gave "text" as a chunk/ });
  t.equal(stream.destroyed, true);
});

t.test('E8: content-length is what is sent', async (t) => {
  const announce = (length: number, body: GatewayResponse['body'], method = 'GET'): Promise<string[]> =>
    breaksOf(() => ({ ...ok, headers: ['content-length', String(length)], body }), { method });
  t.same(await announce(1, 'ab'), ['E8 application']);
  t.same(await announce(3, 'ab'), ['E8 application']);
  t.same(await announce(1, '\xe9'), ['E8 application']);
  t.same(await announce(1, null), ['E8 application']);
  t.same(await announce(1, new Uint8Array(2)), ['E8 application']);
  t.same(await announce(3, chunks('a', 'b')), ['E8 application']);
  t.same(await announce(1, chunks('a', 'b')), ['E8 application']);
  t.same(await breaksOf(() => ({ status: 304, headers: ['content-length', '9'], body: null })), []);
});

t.test('E8: the chunk too many does not come out of the body, and the rest is not made', async (t) => {
  const { body, closed } = closable();
  const worker = await serve(() => ({ ...ok, headers: ['content-length', '1'], body }), { strict: true });
  const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
  t.match(await iterator.next(), { done: false });
  await t.rejects(iterator.next(), { message: /E8 is broken: content-length announces 1 bytes/ });
  await worker.end();
  t.equal(closed(), true);
});

t.test('E10: a body is iterated over once, one chunk at a time', async (t) => {
  const worker = await serve(() => ({ ...ok, body: chunks('a', 'b', 'c') }));
  const twice = await bodyOf(worker);
  for (const _ of [1, 2]) twice[Symbol.asyncIterator]();
  t.same(worker.broken, ['E10 server']);
  const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
  await Promise.all([iterator.next(), iterator.next()]);
  t.same(worker.broken, ['E10 server', 'E10 server']);
  const strict = await serve(() => ({ ...ok, body: chunks('a', 'b') }), { strict: true });
  const hasty = (await bodyOf(strict))[Symbol.asyncIterator]();
  t.match(await Promise.allSettled([hasty.next(), hasty.next()]), [{ status: 'fulfilled' }, { status: 'rejected' }]);
});

t.test('E12: a body is read to its end or returned', async (t) => {
  const read = await serve(() => ({ ...ok, body: chunks('a') }));
  await read.fetch();
  await read.end();
  t.same(read.broken, []);

  for (const steps of [0, 1, 3]) {
    const { body, closed } = closable();
    const left = await serve(() => ({ ...ok, body }));
    const iterator = (await bodyOf(left))[Symbol.asyncIterator]();
    for (let i = 0; i < steps; i++) await iterator.next();
    await iterator.return?.();
    await iterator.return?.();
    await left.end();
    t.same(left.broken, [], `returned after ${steps} chunks`);
    t.equal(closed(), steps > 0);
  }

  const forgotten = await serve(() => ({ ...ok, body: chunks('a') }));
  await forgotten.ask();
  await (await bodyOf(forgotten))[Symbol.asyncIterator]().next();
  t.same(forgotten.broken, []);
  await forgotten.end();
  t.same(forgotten.broken, ['E12 server', 'E12 server']);
});

t.test('E12: a body without return() can be returned, and a stream is destroyed', async (t) => {
  const plain: Body = {
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: new Uint8Array(1) }) }),
  };
  const stream = Readable.from([Buffer.from('a')]);
  for (const body of [plain, stream]) {
    const worker = await serve(() => ({ ...ok, body }));
    const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
    t.same(await iterator.return?.(), { done: true, value: undefined });
    t.same(worker.broken, []);
  }
  t.equal(stream.destroyed, true);
  const worker = await serve(() => ({ ...ok, body: plain }));
  const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
  await iterator.next();
  t.same(await iterator.return?.(), { done: true, value: undefined });
});

t.test('E12: no chunk is asked for after return, or after the client has left', async (t) => {
  const worker = await serve(() => ({ ...ok, body: chunks('a', 'b') }));
  const iterator = (await bodyOf(worker))[Symbol.asyncIterator]();
  await iterator.return?.();
  await iterator.next();
  t.same(worker.broken, ['E12 server']);

  const client = new AbortController();
  const watching = await serve(({ signal }) => ({ ...ok, body: signal.aborted ? null : chunks('a', 'b') }));
  const cut = (await bodyOf(watching, { signal: client.signal }))[Symbol.asyncIterator]();
  await cut.next();
  t.same(watching.broken, []);
  client.abort();
  await cut.next();
  t.same(watching.broken, ['E12 server']);
});

t.test('a break that is found at the end is logged where nobody collects breaks', async (t) => {
  const worker = await serve(() => ({ ...ok, body: chunks('a') }), { strict: true });
  await worker.ask({ id: 'left-open' });
  await worker.end();
  t.match(worker.errors, [
    {
      fields: { rule: 'E12', side: 'server', err: { code: 'TSGI_ERR_LINT' } },
      message: /rule E12 is broken: the body of the response .* request "left-open"/,
    },
  ]);
});

t.test('E13 and E14: trailers are fields that may come late', async (t) => {
  const trailing = (trailers: HeaderList): Promise<string[]> =>
    breaksOf(() => ({ ...ok, body: chunks('a'), trailers }));
  t.same(await trailing([]), []);
  t.same(await trailing(['X-Sum', '1', 'Server-Timing', 'db;dur=2']), []);
  t.same(await trailing(['x']), ['E13 application']);
  t.same(await trailing(['a b', '']), ['E13 application']);
  t.same(await trailing(['a', '\r\n']), ['E13 application']);
  t.same(await trailing(any(undefined)), ['E13 application']);
  for (const name of ['Content-Length', 'set-cookie', 'host', 'Cache-Control', 'authorization', 'content-type']) {
    t.same(await trailing([name, '1']), ['E14 application'], name);
  }
  t.same(await trailing(['Connection', 'close']), ['E14 application']);
});

t.test('E15: trailers are read after the body, which they may be made from', async (t) => {
  const counting = (): GatewayResponse => {
    let bytes = 0;
    return {
      ...ok,
      body: (async function* () {
        for await (const chunk of chunks('a', 'bc')) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      })(),
      get trailers() {
        return ['x-bytes', String(bytes)];
      },
    };
  };
  const worker = await serve(counting);
  t.same(await worker.fetch(), { text: 'abc', trailers: ['x-bytes', '3'] });
  t.same(worker.broken, []);

  const response = (await worker.ask()) as GatewayResponse;
  t.equal('trailers' in response, true);
  t.same(response.trailers, ['x-bytes', '0']);
  t.same(worker.broken, ['E15 server']);
  await read(response.body);

  const whole = await serve(() => ({ ...ok, trailers: ['x-sum', '1'] }));
  t.same(await whole.fetch(), { text: 'ok', trailers: ['x-sum', '1'] });
  await whole.end();
  t.same(whole.broken, []);
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('E'), []);
  t.end();
});
