// Nothing of a request outlives it: judged by the heap after a forced collection.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fromFetch, toFetch } from '@tsgi/bridge-fetch';
import { type Body, createContext, type GatewayRequest, type GatewayResponse } from '@tsgi/core';
import { Hono } from 'hono';
import { t } from 'tap';
import { CountedBody, endless, gatewayRequest } from './fixtures/gateway-request.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const REQUESTS = 2000;
/** A Request, a stream or a listener that is kept weighs more than this. */
const ALLOWED = REQUESTS * 100;

/** The least growth of three rounds after three to warm up: the runtime grows by itself now and then, a leak in each. */
async function growth(request: () => Promise<unknown>): Promise<number> {
  const heap: number[] = [];
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < REQUESTS; i++) await request();
    collect();
    heap.push(process.memoryUsage().heapUsed);
  }
  return Math.min(...heap.slice(3).map((used, i) => used - (heap[i + 2] as number)));
}

const app = new Hono()
  .get('/', (c) => c.text('Hello World!'))
  .get('/signal', (c) => c.text(String(c.req.raw.signal.aborted)))
  .get('/stream', (c) => c.body(ReadableStream.from(endless())))
  .post('/json', async (c) => c.json(await c.req.json()))
  .post('/unread', (c) => c.text('no, thanks'))
  .post('/half', async (c) => {
    const reader = c.req.raw.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    return c.text('enough');
  });
const application = fromFetch(app);
const { context } = createContext();

async function ask(changes: Partial<GatewayRequest>): Promise<GatewayResponse> {
  return (await application.handle(gatewayRequest(changes), context)) as GatewayResponse;
}

const cases: Record<string, () => Promise<unknown>> = {
  'a hello': () => ask({}),
  'a signal that was asked for': () => ask({ target: '/signal' }),
  'a JSON upload': () => ask({ method: 'POST', target: '/json', body: new CountedBody(['{"a":', '1}']) }),
  'an upload that nobody reads': () => ask({ method: 'POST', target: '/unread', body: new CountedBody(endless()) }),
  'an upload that is cancelled': () => ask({ method: 'POST', target: '/half', body: new CountedBody(endless()) }),
  'a stream whose client leaves': async () => {
    const { body } = await ask({ target: '/stream' });
    const chunks = (body as Body)[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.return?.();
  },
};
for (const [name, request] of Object.entries(cases)) {
  t.test(`${name} leaves nothing behind`, async (t) => {
    const grown = await growth(request);
    t.ok(grown < ALLOWED, `${grown} bytes after ${REQUESTS} requests`);
  });
}

t.test('a stream that toFetch serves and whose client leaves leaves nothing behind', async (t) => {
  const serve = toFetch({ handle: () => ({ status: 200, headers: [], body: new CountedBody(endless()) }) });
  const grown = await growth(async () => {
    const reader = (await serve(new Request('http://localhost/'))).body?.getReader();
    await reader?.read();
    await reader?.cancel();
  });
  t.ok(grown < ALLOWED, `${grown} bytes after ${REQUESTS} requests`);
});
