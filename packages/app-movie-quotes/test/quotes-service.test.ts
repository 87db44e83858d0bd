// The catalogue's services on a real database: lists, cursors and changes.

import t, { type Test } from 'tap';
import { createFilmService } from '../src/modules/films/service.ts';
import { createFilmStore } from '../src/modules/films/store.ts';
import type { ListQuery } from '../src/modules/listing.ts';
import { restoreQuote } from '../src/modules/quotes/changes.ts';
import type { Quote } from '../src/modules/quotes/schemas.ts';
import { createQuoteService } from '../src/modules/quotes/service.ts';
import { createQuoteStore } from '../src/modules/quotes/store.ts';
import type { Refusal } from '../src/modules/refusal.ts';
import { startSite } from './fixtures/movie-quotes.ts';

const site = await startSite(t);
const store = createQuoteStore(site.database);
const quotes = createQuoteService(site.database, store);
const films = createFilmService(createFilmStore(site.database), store);
const count = async (table: string) =>
  Number((await site.sql<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.n);
const audit = async () => {
  const rows = await site.sql<{ actor: string; action: string; was: string; became: string }>(
    'SELECT actor, action, was, became FROM audit ORDER BY id DESC LIMIT 1',
  );
  const { actor, action, was, became } = rows[0] as (typeof rows)[0];
  return { actor, action, was: JSON.parse(was), became: JSON.parse(became) };
};

/** Expects that `work` is refused with `status`, and because of `field`. */
async function refuses(t: Test, status: number, work: Promise<unknown>, field?: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (error: Refusal) => error,
  );
  t.equal(error?.statusCode, status);
  t.strictSame(
    error?.fields.map(({ field }) => field),
    field === undefined ? [] : [field],
  );
}

/** All pages of a list, one after the other. */
async function walk(query: Omit<ListQuery, 'cursor'>): Promise<Quote[]> {
  const all: Quote[] = [];
  for (let cursor: string | undefined; ; ) {
    const { quotes: page, next } = await quotes.list({ ...query, cursor });
    all.push(...page);
    if (next === null) return all;
    cursor = next;
  }
}

t.test('the pages of a list have every quote once, in the order that was asked for', async (t: Test) => {
  const total = await count('quotes');
  const byId = await walk({ limit: 50 });
  t.equal(byId.length, total);
  t.strictSame(
    byId.map(({ id }) => id),
    byId.map(({ id }) => id).sort((a, b) => a - b),
  );
  for (const sort of ['film', '-film', 'year', '-year', 'speaker', '-speaker', '-id']) {
    const found = await walk({ limit: 37, sort });
    t.equal(new Set(found.map(({ id }) => id)).size, total, sort);
    t.equal(found.length, total, sort);
    const word = sort.replace('-', '') as 'film';
    const keys = found.map((quote) => quote[word]);
    const sorted = keys.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    t.strictSame(keys, sort.startsWith('-') ? sorted.reverse() : sorted, sort);
  }
});

t.test('a page that is exactly full has no next one', async (t) => {
  const total = await count('quotes');
  t.equal((await quotes.list({ limit: total })).next, null);
  t.not((await quotes.list({ limit: total - 1 })).next, null);
});

t.test('every word that is searched occurs, whatever its accents and capitals', async (t) => {
  const found = await quotes.list({ search: '  PARIS  always paris ', limit: 100 });
  t.ok(found.quotes.length > 0);
  for (const quote of found.quotes) {
    const text = Object.values(quote).join(' ').toLowerCase();
    t.ok(text.includes('paris') && text.includes('always'));
  }
  t.strictSame((await quotes.list({ search: 'zzz paris', limit: 5 })).quotes, []);
  for (const search of ['%', '_', '!', '!%', "'", '\\', '"; DROP TABLE quotes; --']) {
    const { quotes: found } = await quotes.list({ search, limit: 3 });
    for (const quote of found) t.ok(Object.values(quote).join(' ').includes(search), `${search} stands for itself`);
  }
  t.equal((await quotes.list({ search: ' ', limit: 100 })).quotes.length, 100, 'no word finds everything');
});

t.test('a numbered page tells how many there are, and the last one stands for those behind it', async (t) => {
  const total = await count('quotes');
  const first = await quotes.page({ page: 1, size: 50, sort: '-year' });
  t.match(first, { total, page: 1, pages: Math.ceil(total / 50) });
  t.equal(first.quotes.length, 50);
  t.equal((await quotes.page({ page: 10_000, size: 50 })).page, first.pages);
  t.strictSame(await quotes.page({ page: 3, size: 50, search: 'zzzzz' }), { quotes: [], total: 0, page: 1, pages: 1 });
});

t.test('a cursor that no page gave is refused, and its field is named', async (t) => {
  const { next } = await quotes.list({ limit: 1, sort: 'film' });
  const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const cursors = ['', 'x', '{}', next as string, forged(null), forged(['id', 1]), forged(['id', 'x', 1])];
  cursors.push(forged(['id', 1.5, 1]), forged(['id', 1, '1']), forged(['id', 1e300, 1]), forged(['id', null, 1]));
  for (const cursor of cursors) {
    await refuses(t, 400, quotes.list({ limit: 1, cursor }), 'cursor');
  }
  await refuses(t, 400, quotes.list({ limit: 1, sort: 'constructor' }), 'sort');
});

t.test('films are listed with the number of their quotes, and found by any of these', async (t) => {
  const all = await films.list({ limit: 1000, sort: 'title' });
  t.equal(all.films.length, await count('films'));
  t.equal(
    all.films.reduce((sum, { quoteCount }) => sum + quoteCount, 0),
    await count('quotes'),
  );
  const { films: found } = await films.list({ limit: 10, search: 'casablanca' });
  t.match(found, [{ title: 'Casablanca', year: 1942 }]);
  const film = await films.get(found[0]?.id as number);
  t.equal(film.quotes.length, found[0]?.quoteCount);
  t.match(film.quotes[0], { film: 'Casablanca', filmId: film.id });
  await refuses(t, 404, films.get(2_000_000));
});

t.test('what a change makes and leaves unused', async (t) => {
  const before = { films: await count('films'), people: await count('people') };
  const input = { film: 'Éclair', year: 2001, content: "It's only a test.", speaker: 'Somebody' };
  const created = await quotes.create(input, 'api');
  t.match(created, { ...input, version: 1 });
  t.strictSame(await quotes.get(created.id), created);
  t.strictSame(await audit(), { actor: 'api', action: 'create', was: null, became: created });
  t.strictSame((await quotes.list({ search: 'eclair 2001', limit: 2 })).quotes, [created]);

  await refuses(t, 409, quotes.create(input, 'api'), 'content');
  const other = await quotes.create({ ...input, content: 'Another one.' }, 'api');
  t.equal(other.filmId, created.filmId);
  t.strictSame(
    { films: await count('films'), people: await count('people') },
    { films: before.films + 1, people: before.people + 1 },
  );

  const replaced = await quotes.replace(
    other.id,
    { ...input, content: 'Yet another.', film: 'Flash', speaker: 'Else' },
    'admin:a',
    1,
  );
  t.match(replaced, { id: other.id, version: 2, film: 'Flash' });
  t.strictSame(await audit(), { actor: 'admin:a', action: 'replace', was: other, became: replaced });
  t.strictSame(await quotes.get(other.id), replaced);
  const same = await quotes.replace(
    other.id,
    { ...input, content: 'Yet another.', film: 'Flash', speaker: 'Else' },
    'api',
  );
  t.equal(same.version, 2, 'nothing changed');
  await refuses(t, 412, quotes.replace(other.id, input, 'api', 1));
  await refuses(t, 409, quotes.replace(other.id, input, 'api'), 'content');
  await refuses(t, 412, quotes.remove(other.id, 'api', 1));
  await quotes.remove(other.id, 'api', 2);
  await refuses(t, 404, quotes.get(other.id));
  await refuses(t, 404, quotes.remove(other.id, 'api'));
  await refuses(t, 404, quotes.replace(other.id, input, 'api'));

  await quotes.remove(created.id, 'api');
  t.strictSame(
    { films: await count('films'), people: await count('people') },
    before,
    'no empty film, nobody without words',
  );
  t.strictSame(await audit(), { actor: 'api', action: 'delete', was: created, became: null });

  const back = await site.database.transaction((transaction) =>
    restoreQuote(transaction, site.database.words, created, 'admin:a'),
  );
  t.match(back, { ...input, id: created.id, version: 2 });
  t.strictSame(await quotes.get(created.id), back);
  t.match(await audit(), { action: 'undo', became: { version: 2 } });
  await refuses(
    t,
    409,
    site.database.transaction((transaction) => restoreQuote(transaction, site.database.words, created, 'admin:a')),
  );
  await quotes.remove(created.id, 'api');
});

t.test('changes at the same time on one film lose nothing', async (t) => {
  const input = { film: 'Crowd', year: 2002, content: 'Line 0', speaker: 'One' };
  const first = await quotes.create(input, 'api');
  const others = [1, 2, 3, 4, 5].map((n) =>
    quotes.create({ ...input, content: `Line ${n}`, speaker: `Nr ${n % 2}` }, 'api'),
  );
  const [, ...made] = await Promise.all([quotes.remove(first.id, 'api'), ...others]);
  for (const quote of made) t.match(await quotes.get(quote.id), { film: 'Crowd', content: quote.content });
  await Promise.all(made.map(({ id }) => quotes.remove(id, 'api')));
  t.equal((await films.list({ limit: 5, search: 'crowd 2002' })).films.length, 0);
});
