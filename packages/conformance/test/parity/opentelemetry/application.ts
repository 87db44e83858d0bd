// Serves one Fastify application, natively or through the gateway, sends it requests, and prints the spans as JSON.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { context, SpanKind, trace } from '@opentelemetry/api';
import { listen } from '@tsgi/adapter-node';
import { fromFastify } from '@tsgi/bridge-node';
import fastify from 'fastify';
import { ended, provider, spans } from './tracing.ts';

const REQUESTS: readonly (readonly [method: string, path: string, headers?: Record<string, string>])[] = [
  ['GET', '/hello/ann?a=b'],
  ['HEAD', '/hello/ann'],
  ['GET', '/within/a/plugin/7', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
  ['GET', '/delayed'],
  ['GET', '/stream'],
  ['POST', '/body'],
  ['GET', '/fails'],
  ['GET', '/nowhere'],
];

const instrumentation = new FastifyOtelInstrumentation();
instrumentation.setTracerProvider(provider);
const app = fastify();
await app.register(instrumentation.plugin());
app.get('/hello/:name', async (request) => {
  // A span of the application's own belongs to the request's.
  trace.getTracer('application').startSpan('own', {}, context.active()).end();
  return { hello: (request.params as { name: string }).name };
});
app.get('/delayed', (_request, reply) => {
  setImmediate(() => reply.send('later'));
});
app.get('/stream', (_request, reply) => reply.send(Readable.from(['one', 'two'])));
app.post('/body', async (request) => request.body);
app.get('/fails', async () => {
  throw new Error('on purpose');
});
await app.register(async (child) => child.get('/plugin/:id', async () => ({})), { prefix: '/within/a' });

const { port, close } = process.argv[2] === 'native' ? await natively() : await throughTheGateway();
for (const [index, [method, path, headers]] of REQUESTS.entries()) {
  const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(headers && { headers }), ...body });
  await reply.arrayBuffer();
  while (spans.filter(({ kind }) => kind === SpanKind.SERVER).length <= index) await once(ended, 'span');
}
await close();

const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]));
const told = spans.map(({ name, kind, attributes, status, parentSpanContext }) => ({
  ...{ name, kind: SpanKind[kind], attributes, status: status.code },
  parent: parentSpanContext && (names.get(parentSpanContext.spanId) ?? parentSpanContext.spanId),
}));
process.stdout.write(JSON.stringify(told));

async function natively() {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

async function throughTheGateway() {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const server = await listen(fromFastify(app), '127.0.0.1:0', { log });
  return { port: (server.address as { port: number }).port, close: () => server.drain() };
}
