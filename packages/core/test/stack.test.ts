// Everything of the core at once: middleware in front of a mount, with the rules checked on both sides of each.

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { type Application, type Body, compose, lint, mount, requestId, TAKEN, timeLimit } from '../src/index.ts';
import { recordedContext, request, response } from './fixtures/request.ts';

async function* numbers(): Body {
  for (const number of [1, 2, 3]) yield new Uint8Array([number]);
}

async function bytes(body: AsyncIterable<Uint8Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of body) all.push(...chunk);
  return all;
}

t.test('mount, middleware and what they stand between break no rule', async (t) => {
  const seen: string[] = [];
  const application = (name: string, handle: Application['handle']): Application =>
    lint({
      start: () => void seen.push(`start ${name}`),
      handle,
      stop: () => void seen.push(`stop ${name}`),
    });
  const served = lint(
    compose(
      requestId(),
      (next) => lint(next),
      timeLimit(50),
      (next) => lint(next),
    )(
      mount({
        '/at-once': application('at-once', () => ({ status: 200, headers: [], body: 'now' })),
        '/echo': application('echo', async ({ body }) => ({ status: 200, headers: [], body })),
        '/stream': application('stream', async () => ({
          status: 200,
          headers: [],
          body: numbers(),
          trailers: ['a', 'b'],
        })),
        '/slow': application('slow', async ({ signal }) => {
          await once(signal, 'abort');
          throw signal.reason;
        }),
        '/socket': application('socket', async ({ upgrade }) => {
          upgrade?.take();
          return TAKEN;
        }),
      }),
    ),
  );

  const { context, lines, drain } = recordedContext();
  await served.start?.(context);
  const get = (target: string, changes = {}) => response(served.handle(request({ target, ...changes }), context));

  t.match(await get('/at-once'), { status: 200, body: 'now', headers: ['x-request-id', 'request-1'] });
  t.match(await get('/at-once/', { method: 'HEAD' }), { status: 200 });
  t.match(await get('/nowhere'), { status: 404 });
  t.match(await get('/nowhere', { method: 'HEAD' }), { status: 404, body: null });
  t.match(await get('*', { method: 'OPTIONS' }), { status: 404 });
  t.match(await get('/slow'), { status: 504 });
  const sent = ['host', 'example.org', 'transfer-encoding', 'chunked'];
  const echoed = await get('/echo', { method: 'POST', headers: sent, body: numbers() });
  t.same(await bytes(echoed.body as Body), [1, 2, 3]);
  const streamed = await get('/stream');
  t.same(await bytes(streamed.body as Body), [1, 2, 3]);
  t.same(streamed.trailers, ['a', 'b']);

  const socket = new PassThrough();
  const handshake = ['host', 'example.org', 'connection', 'upgrade', 'upgrade', 'websocket'];
  const upgrade = { protocol: 'websocket', head: new Uint8Array(), take: () => socket };
  t.equal(await served.handle(request({ target: '/socket', headers: handshake, upgrade }), context), TAKEN);
  socket.destroy();
  await once(socket, 'close');

  drain();
  await served.stop?.();
  t.same(
    lines.map(({ message }) => message),
    ['the application did not answer within 50 ms'],
    'nothing else was logged',
  );
  const names = ['at-once', 'echo', 'stream', 'slow', 'socket'];
  t.same(seen, [...names.map((name) => `start ${name}`), ...names.toReversed().map((name) => `stop ${name}`)]);
});
