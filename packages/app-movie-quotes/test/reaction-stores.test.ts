// One suite that every store of reactions passes, and what MongoDB's store promises beyond it, for it is reached by delivery.

import t, { type Test } from 'tap';
import { DAY, dayOf, type Reaction, type ReactionStore } from '../src/modules/reactions/store.ts';
import { configIn, databasesFor, temporaryFolder } from './fixtures/movie-quotes.ts';
import { noMongodb, numbered, openMongoStore, openSqlStore } from './fixtures/reactions.ts';

const NOW = Date.now();
const like = (key: string, quoteId: number, at = NOW): Reaction => ({
  kind: 'like',
  key: `${key}:${quoteId}`,
  quoteId,
  at,
});
const unlike = (key: string, quoteId: number): Reaction => ({ ...like(key, quoteId), kind: 'unlike' }) as Reaction;
const views = (quoteId: number, count: number, at = NOW): Reaction => ({ kind: 'views', quoteId, count, at });

/** Likes and views of quotes, as pairs. */
async function countsOf(store: ReactionStore, ...quoteIds: number[]): Promise<[likes: number, views: number][]> {
  const counts = await store.counts(quoteIds);
  return quoteIds.map((id) => [counts.get(id)?.likes ?? Number.NaN, counts.get(id)?.views ?? Number.NaN]);
}

function suite(t: Test, open: (t: Test) => Promise<ReactionStore>): void {
  t.test('a like counts once for each key, until it is taken back', async (t) => {
    const store = await open(t);
    await store.apply(numbered([like('ann', 1), like('ann', 1), like('bob', 1), like('ann', 2)]));
    t.strictSame(await countsOf(store, 1, 2, 3), [
      [2, 0],
      [1, 0],
      [0, 0],
    ]);
    t.strictSame([...(await store.liked(['ann:1', 'ann:2', 'ann:3', 'carl:1']))].sort(), ['ann:1', 'ann:2']);
    await store.apply(numbered([unlike('ann', 1), unlike('ann', 1), unlike('carl', 1)], 5));
    t.strictSame(await countsOf(store, 1, 2), [
      [1, 0],
      [1, 0],
    ]);
    t.notOk((await store.liked(['ann:1'])).has('ann:1'));
    await store.apply(numbered([like('ann', 1)], 8));
    t.strictSame(await countsOf(store, 1), [[2, 0]]);
  });

  t.test('reactions are applied in their order', async (t) => {
    const store = await open(t);
    await store.apply(numbered([like('ann', 1), unlike('ann', 1), like('bob', 1), unlike('bob', 1), like('bob', 1)]));
    t.strictSame(await countsOf(store, 1), [[1, 0]]);
  });

  t.test('views add up, over days as well', async (t) => {
    const store = await open(t);
    await store.apply(numbered([views(1, 2), views(2, 1), views(1, 3), views(1, 10, NOW - DAY)]));
    await store.apply(numbered([views(1, 1)], 5));
    t.strictSame(await countsOf(store, 1, 2), [
      [0, 16],
      [0, 1],
    ]);
  });

  t.test('what is trending is sorted by its score of the days that are asked for', async (t) => {
    const store = await open(t);
    const before = NOW - 9 * DAY;
    const old = [like('ann', 9, before), like('bob', 9, before), views(9, 500, before)];
    await store.apply(numbered([...old, views(3, 12), like('ann', 4), like('ann', 5), views(5, 1), views(9, 2)]));
    const since = dayOf(NOW) - 6;
    t.strictSame(await store.trending(since, 10), [
      { quoteId: 3, likes: 0, views: 12, score: 12 },
      { quoteId: 5, likes: 1, views: 1, score: 11 },
      { quoteId: 4, likes: 1, views: 0, score: 10 },
      { quoteId: 9, likes: 0, views: 2, score: 2 },
    ]);
    t.strictSame(
      (await store.trending(since, 1)).map(({ quoteId }) => quoteId),
      [3],
    );
  });

  t.test('a large batch is applied whole', async (t) => {
    const store = await open(t);
    const many = Array.from({ length: 700 }, (_, i) => [like(`visitor-${i}`, 1 + (i % 7)), views(i + 1, 2)]).flat();
    await store.apply(numbered(many));
    t.strictSame(await countsOf(store, 1, 7, 700), [
      [100, 2],
      [100, 2],
      [0, 2],
    ]);
  });

  t.test('nothing is asked of no quotes, no likes and no reactions', async (t) => {
    const store = await open(t);
    await store.apply([]);
    t.equal((await store.counts([])).size, 0);
    t.equal((await store.liked([])).size, 0);
    t.strictSame(await store.trending(0, 5), []);
  });
}

t.test('on the SQL database', async (t) => suite(t, openSqlStore));

t.test('on MongoDB', { skip: noMongodb }, async (t) => {
  suite(t, openMongoStore);

  const reactions = [like('ann', 1), unlike('ann', 1), views(1, 3), like('bob', 1), views(1, 4), views(2, 1)];

  t.test('what is delivered again changes nothing, whole or in part', async (t) => {
    const store = await openMongoStore(t);
    const all = numbered(reactions);
    await store.apply(all.slice(0, 4));
    await store.apply(all);
    await store.apply(all);
    t.strictSame(await countsOf(store, 1, 2), [
      [1, 7],
      [0, 1],
    ]);
    t.match(await store.counts([1]), new Map([[1, { lastLike: 4, lastViews: 5 }]]));
  });

  t.test('a deliverer that goes on after another one took over does no harm', async (t) => {
    const config = configIn(temporaryFolder(t), await databasesFor(t));
    const [old, heir] = [
      await openMongoStore(t, { config, origin: 'one' }),
      await openMongoStore(t, { config, origin: 'one' }),
    ];
    const all = numbered(reactions);
    await heir.apply(all);
    // Each prefix of what it had: it may die again at any point.
    for (let length = 1; length <= all.length; length++) {
      await old.apply(all.slice(0, length));
      t.strictSame(
        await countsOf(heir, 1, 2),
        [
          [1, 7],
          [0, 1],
        ],
        `${length} once more`,
      );
    }
  });

  t.test('deliverers that insert the same documents at once count everything once', async (t) => {
    const config = configIn(temporaryFolder(t), await databasesFor(t));
    const stores = await Promise.all([1, 2, 3].map(() => openMongoStore(t, { config, origin: 'one' })));
    const many = numbered(
      Array.from({ length: 300 }, (_, i) => [views(1 + (i % 150), 1), like(`visitor-${i % 150}`, 5)]).flat(),
    );
    await Promise.all(stores.map((store) => store.apply(many)));
    t.strictSame(await countsOf(stores[0] as ReactionStore, 1, 150, 5), [
      [0, 2],
      [0, 2],
      [150, 2],
    ]);
  });

  t.test('the reactions of a database that was made anew count beside the old ones', async (t) => {
    const config = configIn(temporaryFolder(t), await databasesFor(t));
    const before = await openMongoStore(t, { config, origin: 'before' });
    const anew = await openMongoStore(t, { config, origin: 'anew' });
    await before.apply(numbered([views(1, 5), like('ann', 1), like('bob', 1)], 1000));
    // Its numbers begin with 1 again.
    await anew.apply(numbered([views(1, 2), like('carl', 1), unlike('bob', 1)]));
    await anew.apply(numbered([views(1, 2), like('carl', 1), unlike('bob', 1)]));
    t.strictSame(await countsOf(anew, 1), [[2, 7]]);
    // Delivered again after the other one has written to the same documents.
    await before.apply(numbered([views(1, 5)], 1000));
    t.strictSame(await countsOf(before, 1), [[2, 7]]);
  });
});
