// How much a client may ask for: counted in the database, so over all workers.

import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { connect } from '../src/database/open.ts';
import { limitRate, type RateLimit } from '../src/middleware/rate-limit.ts';
import { startSite, temporaryFolder } from './fixtures/movie-quotes.ts';

const site = await startSite(t, { LIMIT_READS: '20', LIMIT_WRITES: '3', API_TOKEN: 'a-token-for-the-tests' });
const { database } = site;
/** A window that does not end while a test runs. */
const DAY = 86_400;

/** What a worker has of the application here: a route with a limit. */
async function startWorker(
  t: Test,
  limit: Partial<RateLimit> & { name: string; max: number },
): Promise<FastifyInstance> {
  const app = Fastify();
  t.teardown(() => app.close());
  await limitRate(app, { database, seconds: DAY, ...limit });
  app.get('/', async () => 'taken');
  await app.ready();
  return app;
}

const ask = (app: FastifyInstance, remoteAddress = '198.51.100.1') => app.inject({ url: '/', remoteAddress });

async function counted(name: string): Promise<number> {
  const rows = await site.sql<{ count: number }>('SELECT count FROM limits WHERE id LIKE ?', [`${name}:%`]);
  return rows.reduce((sum, { count }) => sum + Number(count), 0);
}

t.test('workers share one count, and of requests at once no more are taken than the limit', async (t) => {
  const workers = [await startWorker(t, { name: 'one', max: 10 }), await startWorker(t, { name: 'one', max: 10 })];
  const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => ask(workers[i % 2] as FastifyInstance)));
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 10);
  const refused = answers.filter(({ statusCode }) => statusCode === 429);
  t.equal(refused.length, 6);
  for (const { headers } of refused) {
    t.match(headers, { 'ratelimit-limit': '10', 'ratelimit-remaining': '0', 'retry-after': /^\d+$/ });
  }
  t.equal(
    (await ask(workers[0] as FastifyInstance, '198.51.100.2')).statusCode,
    200,
    'another client is not concerned',
  );
});

t.test('the headers say how many are left, and for how long', async (t) => {
  const worker = await startWorker(t, { name: 'headers', max: 3 });
  for (const left of ['2', '1', '0']) {
    const { headers } = await ask(worker);
    t.match(headers, { 'ratelimit-limit': '3', 'ratelimit-remaining': left });
    t.ok(Number(headers['ratelimit-reset']) <= DAY);
  }
});

t.test('with a batch most requests write nothing, and workers tell each other of the rest', async (t) => {
  const limit = { name: 'batch', max: 20, batch: 5 };
  const [first, second] = [await startWorker(t, limit), await startWorker(t, limit)];
  for (let i = 0; i < 4; i++) t.equal((await ask(first)).statusCode, 200);
  t.equal(await counted('batch'), 0, 'nothing is written yet');
  let taken = 4;
  while ((await ask(first)).statusCode === 200) taken++;
  t.equal(taken, 20);
  // They are told in the background, but for less than a batch.
  while ((await counted('batch')) < 16);
  for (let i = 0; i < 5; i++) t.equal((await ask(second)).statusCode, 200);
  while ((await counted('batch')) < 21);
  let more = 5;
  while ((await ask(second)).statusCode === 200) more++;
  t.ok(more < 20, `${more}: it knows of the first worker's`);
});

t.test('a client is an address, and with IPv6 a network', async (t) => {
  const worker = await startWorker(t, { name: 'address', max: 1 });
  t.equal((await ask(worker, '2001:db8::1')).statusCode, 200);
  t.equal((await ask(worker, '2001:db8::2')).statusCode, 429);
  t.equal((await ask(worker, '2001:db8:0:1::1')).statusCode, 200);
  t.equal((await ask(worker, '198.51.100.3')).statusCode, 200);
  t.equal((await ask(worker, '::ffff:198.51.100.3')).statusCode, 429);
});

t.test('who asks from this machine is not limited, and 0 is no limit', async (t) => {
  const worker = await startWorker(t, { name: 'local', max: 1 });
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.3.2.1']) {
    for (let i = 0; i < 3; i++) t.equal((await ask(worker, address)).statusCode, 200);
  }
  const open = await startWorker(t, { name: 'open', max: 0 });
  for (let i = 0; i < 3; i++) t.equal((await ask(open)).headers['ratelimit-limit'], undefined);
});

t.test('while the database is away, requests pass', async (t) => {
  const away = await connect(
    { ...site.config.database, ...(database.kind === 'sqlite' && { file: join(temporaryFolder(t), 'away.sqlite') }) },
    Fastify().log,
  );
  await away.close();
  for (const batch of [1, 2]) {
    const worker = await startWorker(t, { database: away, name: 'away', max: 100, batch });
    for (let i = 0; i < 5; i++) t.equal((await ask(worker)).statusCode, 200);
  }
});

t.test('counts of windows that have ended are cleared away', async (t) => {
  await site.sql("INSERT INTO limits (id, count, resets_at) VALUES ('old:198.51.100.1:1', 5, ?)", [Date.now() - 1]);
  const worker = await startWorker(t, { name: 'clearing', max: 5 });
  await ask(worker);
  t.equal(await counted('old'), 0);
  t.equal(await counted('clearing'), 1);
});

t.test('the API takes so many reads and changes of a client, and then answers a problem', async (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.7' };
  const until = async (most: number, request: () => ReturnType<typeof site.request>) => {
    for (let i = 0; i < most; i++) {
      const response = await request();
      if (response.statusCode === 429) return response;
    }
    return t.fail('it is never refused');
  };
  // Twice as many and one more: a minute may end in between.
  const read = await until(41, () => site.request({ url: '/api/v1/quotes/1', headers }));
  const write = await until(7, () =>
    site.request({ method: 'DELETE', url: '/api/v1/quotes/1', headers: { ...headers, authorization: 'Bearer wrong' } }),
  );
  for (const [response, max] of [
    [read, 20],
    [write, 3],
  ] as const) {
    if (typeof response === 'boolean') continue;
    t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8');
    t.match(response.headers['retry-after'], /^\d+$/);
    t.match(response.json(), { title: 'Too Many Requests', detail: `only ${max} requests are taken in 60 s` });
  }
  t.equal((await site.request('/api/v1/quotes/1')).statusCode, 200, 'nobody else is concerned');
});
