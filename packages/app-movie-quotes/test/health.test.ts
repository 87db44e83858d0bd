import { unlinkSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';

t.test('a process that answers is live', async (t) => {
  const site = await startSite(t);
  const response = await site.request('/livez');
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { status: 'live' });
  t.equal(response.headers['cache-control'], 'no-store');
});

t.test('it is ready when its database answers', async (t) => {
  const site = await startSite(t);
  const response = await site.request('/readyz');
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { status: 'ready', checks: { database: 'ok', pressure: 'ok', reactions: 'ok' } });
});

t.test('a client behind a proxy is told whether it is ready, and not what is wrong inside', async (t) => {
  const site = await startSite(t);
  for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
    const response = await site.request({ url: '/readyz', headers: { [name]: 'for=192.0.2.1' } });
    t.equal(response.statusCode, 200);
    t.strictSame(response.json(), { status: 'ready' }, name);
  }
});

t.test('it is not ready when its database does not answer, and goes on living', async (t) => {
  const site = await startSite(t);
  await site.sql('DROP TABLE quotes');
  const response = await site.request('/readyz');
  t.equal(response.statusCode, 503);
  t.match(response.json(), { status: 'unavailable', checks: { database: 'does not answer' } });
  t.equal((await site.request('/livez')).statusCode, 200);
});

t.test('it is not ready when its database was removed', async (t) => {
  const site = await startSite(t);
  if (site.database.kind !== 'sqlite') return t.comment('SQLite alone has a file');
  unlinkSync(site.database.place);
  const response = await site.request('/readyz');
  t.equal(response.statusCode, 503);
  t.match(response.json(), { checks: { database: 'the file is gone' } });
});

/** Waits until the sampler of @fastify/under-pressure has seen what there is to see. */
async function underPressure(site: Site, work: () => void = () => {}): Promise<void> {
  while ((await site.request('/readyz')).statusCode === 200) {
    work();
    await turn();
  }
}

t.test('under pressure it refuses requests, is not ready, and lives', async (t) => {
  const site = await startSite(t, { MAX_HEAP_MB: '1' });
  await underPressure(site);

  const api = await site.request('/api/v1/quotes/random');
  t.equal(api.statusCode, 503);
  t.match(api.headers['retry-after'], /^\d+$/);
  t.equal(api.headers['content-type'], 'application/problem+json; charset=utf-8');
  t.match(api.json(), { status: 503, title: 'Service Unavailable' });

  const page = await site.request('/');
  t.equal(page.statusCode, 503);
  t.match(page.headers['retry-after'], /^\d+$/);
  t.match(page.body, '<h1>The house is full.');

  const readiness = await site.request('/readyz');
  t.equal(readiness.statusCode, 503);
  t.match(readiness.json(), { status: 'unavailable', checks: { database: 'ok', pressure: 'too much load' } });
  t.equal((await site.request('/livez')).statusCode, 200);
});

t.test('an event loop that falls behind is pressure', async (t) => {
  const site = await startSite(t, { MAX_EVENT_LOOP_DELAY: '20' });
  t.equal((await site.request('/readyz')).statusCode, 200);
  await underPressure(site, () => {
    const end = performance.now() + 100;
    while (performance.now() < end);
  });
  t.equal((await site.request('/readyz')).statusCode, 503);
});

t.test('limits of 0 are off', async (t) => {
  const site = await startSite(t, { MAX_EVENT_LOOP_DELAY: '0', MAX_HEAP_MB: '0' });
  t.equal((await site.request('/')).statusCode, 200);
});
