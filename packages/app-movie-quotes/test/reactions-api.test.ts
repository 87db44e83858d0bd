import { randomUUID } from 'node:crypto';
import t from 'tap';
import { takeTurn } from '../src/modules/reactions/order.ts';
import { createReactionService } from '../src/modules/reactions/service.ts';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import { delivered, openFor, silent } from './fixtures/reactions.ts';

function react(site: Site, quoteId: number | string, payload: object | string, headers: Record<string, string> = {}) {
  return site.request({ method: 'POST', url: `/api/v1/quotes/${quoteId}/reactions`, payload, headers });
}

t.test('reactions over the API', async (t) => {
  const site = await startSite(t);

  t.test('every like of a program counts, unless it has a key that was used', async (t) => {
    const first = await react(site, 1, { kind: 'like' });
    t.equal(first.statusCode, 200);
    t.equal(first.headers['cache-control'], 'no-store');
    t.strictSame(first.json(), { quoteId: 1, likes: 1, views: 0 });
    t.match((await react(site, 1, { kind: 'like' })).json(), { likes: 2 });
    const key = { 'idempotency-key': randomUUID() };
    for (let i = 0; i < 3; i++) t.match((await react(site, 1, { kind: 'like' }, key)).json(), { likes: 3 });
    // Of another quote it is another like.
    t.match((await react(site, 2, { kind: 'like' }, key)).json(), { quoteId: 2, likes: 1 });
    t.strictSame((await site.request('/api/v1/quotes/1/reactions')).json(), { quoteId: 1, likes: 3, views: 0 });
  });

  t.test('a like is taken back by its key, once', async (t) => {
    const key = { 'idempotency-key': 'a/key:with+printable~characters' };
    t.match((await react(site, 3, { kind: 'like' }, key)).json(), { likes: 1 });
    await react(site, 3, { kind: 'like' });
    for (let i = 0; i < 2; i++) t.match((await react(site, 3, { kind: 'unlike' }, key)).json(), { likes: 1 });
    t.match((await react(site, 3, { kind: 'unlike' }, { 'idempotency-key': 'unknown' })).json(), { likes: 1 });
    t.match((await react(site, 3, { kind: 'like' }, key)).json(), { likes: 2 }, 'and given again');
  });

  t.test('what cannot be a reaction is refused, and nothing is stored', async (t) => {
    const count = async () => (await site.sql('SELECT id FROM reaction_events')).length;
    const before = await count();
    const cases: [response: Awaited<ReturnType<typeof react>>, status: number, body: object][] = [
      [await react(site, 999_999, { kind: 'like' }), 404, { detail: 'there is no quote 999999' }],
      [await react(site, 999_999, { kind: 'unlike' }, { 'idempotency-key': 'k' }), 404, {}],
      [await react(site, 'one', { kind: 'like' }), 400, { errors: [{ in: 'params', field: 'id' }] }],
      [await react(site, 1, { kind: 'adore' }), 400, { errors: [{ in: 'body', field: 'kind' }] }],
      [await react(site, 1, { kind: ['like'] }), 400, { errors: [{ in: 'body', field: 'kind' }] }],
      [await react(site, 1, {}), 400, { errors: [{ in: 'body' }] }],
      [await react(site, 1, [] as object), 400, { errors: [{ in: 'body' }] }],
      [await react(site, 1, '{"kind":', { 'content-type': 'application/json' }), 400, {}],
      [await react(site, 1, 'kind=like', { 'content-type': 'text/plain' }), 415, {}],
      [await react(site, 1, { kind: 'unlike' }), 400, { errors: [{ in: 'headers', field: 'idempotency-key' }] }],
      ...(await Promise.all(
        ['', 'two words', 'x'.repeat(65), 'caf\u00e9'].map(
          async (key): Promise<[Awaited<ReturnType<typeof react>>, number, object]> => [
            await react(site, 1, { kind: 'like' }, { 'idempotency-key': key }),
            400,
            { errors: [{ in: 'headers', field: 'idempotency-key' }] },
          ],
        ),
      )),
      [await site.request('/api/v1/quotes/999999/reactions'), 404, {}],
      [await site.request('/api/v1/trending?limit=0'), 400, { errors: [{ in: 'querystring', field: 'limit' }] }],
      [await site.request('/api/v1/trending?limit=51'), 400, { errors: [{ in: 'querystring', field: 'limit' }] }],
      [await site.request('/api/v1/trending?limit=NaN'), 400, { errors: [{ in: 'querystring', field: 'limit' }] }],
    ];
    for (const [response, status, body] of cases) {
      t.equal(response.statusCode, status, response.body);
      t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8');
      t.match(response.json(), { status, ...body });
    }
    t.equal(await count(), before);
  });

  t.test('what is trending has its quotes, without those that were deleted', async (t) => {
    // After everything above: the numbers of all of it are known.
    const likes = { 1: 3, 2: 1, 3: 2, 20: 5, 21: 4 };
    for (const quoteId of [20, 20, 20, 20, 20, 21, 21, 21, 21]) await react(site, quoteId, { kind: 'like' });
    // With MongoDB they are delivered first.
    await delivered(site.database);
    await site.sql('DELETE FROM quotes WHERE id = 20');
    const { quotes } = (await site.request('/api/v1/trending')).json();
    const found = quotes.map(({ id, likes }: { id: number; likes: number }) => [id, likes]);
    t.strictSame(
      found,
      [21, 1, 3, 2].map((id) => [id, likes[id as 1]]),
    );
    t.match(quotes[0], { film: /./, content: /./, speaker: /./, year: Number, views: 0, score: 40 });
    t.equal((await site.request('/api/v1/trending?limit=1')).json().quotes.length, 1);
  });
});

t.test('views are counted in memory, and none is lost when the process leaves', async (t) => {
  const { config, database } = await openFor(t);
  const leaving = await createReactionService(database, config.mongodb, silent);
  for (let i = 0; i < 5; i++) leaving.view(1);
  leaving.view(2);
  await leaving.close();
  const next = await createReactionService(database, config.mongodb, silent);
  t.teardown(() => next.close());
  const counts = await next.countsOf([1, 2, 3]);
  t.match(
    [...counts],
    [
      [1, { likes: 0, views: 5 }],
      [2, { views: 1 }],
      [3, { views: 0 }],
    ],
  );
  const trends = async () => (await next.trending(5)).map(({ quoteId, score }) => [quoteId, score]);
  await delivered(database);
  t.strictSame(await trends(), [
    [1, 5],
    [2, 1],
  ]);
});

t.test('a page that was looked at is counted, also where the process leaves at once', async (t) => {
  const site = await startSite(t);
  t.equal((await site.request('/quotes/5')).statusCode, 200);
  await site.close();
  const next = await createReactionService(site.database, site.config.mongodb, silent);
  t.teardown(() => next.close());
  t.match((await next.countsOf([5])).get(5), { likes: 0, views: 1 });
});

t.test('a visitor likes a quote once, and sees so', async (t) => {
  const { config, database } = await openFor(t);
  const reactions = await createReactionService(database, config.mongodb, silent);
  t.teardown(() => reactions.close());
  const key = `${randomUUID()}:7`;
  t.equal(await reactions.liked(key), false);
  await Promise.all([reactions.like(7, key), reactions.like(7, key)]);
  t.equal(await reactions.liked(key), true);
  t.match((await reactions.countsOf([7])).get(7), { likes: 1 });
  await reactions.unlike(key, 7);
  t.equal(await reactions.liked(key), false);
  t.match((await reactions.countsOf([7])).get(7), { likes: 0 });
  await t.rejects(reactions.like(999_999, `${randomUUID()}:999999`), { message: 'there is no quote 999999' });
});

t.test('an event is never seen after a later one, also where its transaction takes long', async (t) => {
  const { config, database } = await openFor(t);
  const reactions = await createReactionService(database, config.mongodb, silent);
  t.teardown(() => reactions.close());
  await reactions.like(1, 'first');
  const before = await reactions.latestEventId();
  const [hasTurn, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const transaction = database.transaction(async (transaction) => {
    await takeTurn(database, transaction);
    await transaction.run("INSERT INTO reaction_events (kind, quote_id, at) VALUES ('like', 2, 0)");
    hasTurn.resolve();
    await mayCommit.promise;
  });
  await hasTurn.promise;
  const later = reactions.like(3, 'later');
  t.strictSame(await reactions.eventsAfter(before, 10), [], 'neither of them yet');
  mayCommit.resolve();
  await Promise.all([transaction, later]);
  t.strictSame(
    (await reactions.eventsAfter(before, 10)).map(({ quoteId }) => quoteId),
    [2, 3],
  );
});
