import { unlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { openDirectly, startApp } from './fixtures/movie-quotes.ts';

t.test('a process that answers is live', async (t) => {
  const { app } = await startApp(t);
  const response = await app.inject('/livez');
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { status: 'live' });
  t.equal(response.headers['cache-control'], 'no-store');
});

t.test('it is ready when its database answers', async (t) => {
  const { app } = await startApp(t);
  const response = await app.inject('/readyz');
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { status: 'ready', checks: { database: 'ok', pressure: 'ok' } });
});

t.test('it is not ready when its database does not answer, and goes on living', async (t) => {
  const { app, config } = await startApp(t);
  openDirectly(t, config.database.file).exec('DROP TABLE quotes');
  const response = await app.inject('/readyz');
  t.equal(response.statusCode, 503);
  t.match(response.json(), { status: 'unavailable', checks: { database: 'does not answer' } });
  t.equal((await app.inject('/livez')).statusCode, 200);
});

t.test('it is not ready when its database was removed', async (t) => {
  const { app, config } = await startApp(t);
  unlinkSync(config.database.file);
  const response = await app.inject('/readyz');
  t.equal(response.statusCode, 503);
  t.match(response.json(), { checks: { database: 'the file is gone' } });
});

/** Waits until the sampler of @fastify/under-pressure has seen what there is to see. */
async function underPressure(app: FastifyInstance, work: () => void = () => {}): Promise<void> {
  while ((await app.inject('/readyz')).statusCode === 200) {
    work();
    await turn();
  }
}

t.test('under pressure it refuses requests, is not ready, and lives', async (t) => {
  const { app } = await startApp(t, { MAX_HEAP_MB: '1' });
  await underPressure(app);

  const api = await app.inject('/api/v1/quotes/random');
  t.equal(api.statusCode, 503);
  t.match(api.headers['retry-after'], /^\d+$/);
  t.equal(api.headers['content-type'], 'application/problem+json; charset=utf-8');
  t.match(api.json(), { status: 503, title: 'Service Unavailable' });

  const page = await app.inject('/');
  t.equal(page.statusCode, 503);
  t.match(page.headers['retry-after'], /^\d+$/);
  t.match(page.body, '<h1>The house is full.');

  const readiness = await app.inject('/readyz');
  t.equal(readiness.statusCode, 503);
  t.match(readiness.json(), { status: 'unavailable', checks: { database: 'ok', pressure: 'too much load' } });
  t.equal((await app.inject('/livez')).statusCode, 200);
});

t.test('an event loop that falls behind is pressure', async (t) => {
  const { app } = await startApp(t, { MAX_EVENT_LOOP_DELAY: '20' });
  t.equal((await app.inject('/readyz')).statusCode, 200);
  await underPressure(app, () => {
    const end = performance.now() + 100;
    while (performance.now() < end);
  });
  t.equal((await app.inject('/readyz')).statusCode, 503);
});

t.test('limits of 0 are off', async (t) => {
  const { app } = await startApp(t, { MAX_EVENT_LOOP_DELAY: '0', MAX_HEAP_MB: '0' });
  t.equal((await app.inject('/')).statusCode, 200);
});
