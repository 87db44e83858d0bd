import { Readable } from 'node:stream';
import { fromFastify } from '@tsgi/bridge-node';
import type { GatewayRequest } from '@tsgi/core';
import fastify from 'fastify';
import t from 'tap';
import { inject } from '../src/index.ts';

t.test('a request reaches the application and its response comes back whole', async (t) => {
  const seen: GatewayRequest[] = [];
  const app = await inject({
    async handle(request) {
      seen.push(request);
      let text = '';
      for await (const chunk of request.body ?? []) text += Buffer.from(chunk).toString();
      return { status: 201, headers: ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'], body: `got ${text}` };
    },
  });
  const reply = await app.request({ method: 'POST', url: '/in?x=1', payload: 'some text' });
  t.equal(reply.statusCode, 201);
  t.equal(reply.payload, 'got some text');
  t.strictSame(reply.headers['set-cookie'], ['a=1', 'b=2']);
  t.equal(reply.headers['content-length'], '13');
  t.equal(seen[0]?.target, '/in?x=1');
  t.strictSame(seen[0]?.client, { kind: 'ip', address: '127.0.0.1', port: 0 });
  await app.close();
});

t.test('a streamed payload is read as a body of unknown length', async (t) => {
  const app = await inject({
    async handle(request) {
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += chunk.byteLength;
      return { status: 200, headers: [], body: String(bytes) };
    },
  });
  const reply = await app.request({ method: 'PUT', url: '/', payload: Readable.from(['abc', 'def']) });
  t.equal(reply.payload, '6');
  await app.close();
});

t.test('start runs before the first request, stop after the last', async (t) => {
  const calls: string[] = [];
  const handled = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const app = await inject({
    start: () => void calls.push('start'),
    async handle() {
      calls.push('handle');
      handled.resolve();
      await finish.promise;
      calls.push('answered');
      return { status: 204, headers: [], body: null };
    },
    stop: () => void calls.push('stop'),
  });
  const reply = app.request('/');
  await handled.promise;
  const closed = app.close();
  finish.resolve();
  t.equal((await reply).statusCode, 204);
  await closed;
  t.strictSame(calls, ['start', 'handle', 'answered', 'stop']);
  await t.rejects(app.request('/'), /closed/);
});

t.test('a start that throws rejects, and nothing is served', async (t) => {
  await t.rejects(
    inject({
      start() {
        throw new Error('no database');
      },
      handle: () => ({ status: 200, headers: [], body: null }),
    }),
    /no database/,
  );
});

t.test('a response that is cut rejects instead of looking whole', async (t) => {
  const app = await inject({
    handle: () => ({
      status: 200,
      headers: [],
      body: (async function* () {
        yield Buffer.from('half');
        throw new Error('disk gone');
      })(),
    }),
  });
  await t.rejects(app.request('/'), /destroyed/);
  await app.close();
});

t.test('limits answer as over a socket', async (t) => {
  const app = await inject(
    { handle: () => ({ status: 200, headers: [], body: null }) },
    { limits: { requestLine: 100, headerCount: 10, bodyBytes: 5 } },
  );
  t.equal((await app.request(`/${'x'.repeat(100)}`)).statusCode, 414);
  const headers = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`x-${i}`, '1']));
  t.equal((await app.request({ url: '/', headers })).statusCode, 431);
  t.equal((await app.request({ method: 'POST', url: '/', payload: 'too long' })).statusCode, 413);
  await app.close();
});

t.test('a Fastify application answers as by its own inject', async (t) => {
  const make = () => {
    const app = fastify();
    app.get('/q', async (request) => ({ query: request.query, ip: request.ip }));
    return app;
  };
  const app = await inject(fromFastify(make()));
  const ours = await app.request('/q?a=1');
  const theirs = await make().inject('/q?a=1');
  t.equal(ours.payload, theirs.payload);
  t.equal(ours.headers['content-type'], theirs.headers['content-type']);
  await app.close();
});

t.test('the context says who serves', async (t) => {
  const seen: unknown[] = [];
  const app = await inject(
    {
      handle(_request, context) {
        seen.push([context.name, context.worker, context.generation]);
        return { status: 204, headers: [], body: null };
      },
    },
    { name: 'shop', worker: 3, generation: 2 },
  );
  await app.request('/');
  t.strictSame(seen, [['shop', 3, 2]]);
  await app.close();
});

t.test('an error of stop is logged and keeps nobody from closing', async (t) => {
  const logged: object[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void logged.push(fields) };
  const app = await inject(
    {
      handle: () => ({ status: 204, headers: [], body: null }),
      stop() {
        throw new Error('no longer there');
      },
    },
    { log },
  );
  await app.close();
  t.match(logged, [{ err: { message: 'no longer there' } }]);
});
