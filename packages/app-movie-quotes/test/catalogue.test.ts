import t from 'tap';
import { CATALOGUE } from '../src/database/catalogue.ts';

const quotes = CATALOGUE.flatMap((film) => film.quotes);

t.test('the catalogue has many quotes of many films', async (t) => {
  t.ok(quotes.length >= 300, `${quotes.length} quotes`);
  t.ok(CATALOGUE.length >= 150, `${CATALOGUE.length} films`);
});

t.test('no film and no quote is there twice', async (t) => {
  t.equal(new Set(CATALOGUE.map(({ title }) => title.toLowerCase())).size, CATALOGUE.length);
  const letters = quotes.map(({ content }) => content.toLowerCase().replace(/[^a-z]/g, ''));
  t.equal(new Set(letters).size, quotes.length);
});

/** The entries for which `good` does not hold: a test names them all at once. */
function offenders<T>(entries: readonly T[], good: (entry: T) => boolean): T[] {
  return entries.filter((entry) => !good(entry));
}

t.test('every film has a title, a year since sound came, and a quote', async (t) => {
  const thisYear = new Date().getUTCFullYear();
  const none: unknown[] = [];
  t.strictSame(
    offenders(CATALOGUE, ({ title }) => title.length > 0 && title.length <= 200),
    none,
  );
  t.strictSame(
    offenders(CATALOGUE, ({ year }) => Number.isInteger(year) && year >= 1927 && year <= thisYear),
    none,
  );
  t.strictSame(
    offenders(CATALOGUE, ({ quotes }) => quotes.length > 0),
    none,
  );
});

t.test('every quote is short, ends like a sentence, has a speaker, and is written with plain quotes', async (t) => {
  const none: unknown[] = [];
  t.strictSame(
    offenders(quotes, ({ content }) => content.length >= 2 && content.length <= 150),
    none,
  );
  t.strictSame(
    offenders(quotes, ({ content }) => /[.!?]"?$/.test(content)),
    none,
  );
  t.strictSame(
    offenders(quotes, ({ content }) => content.split('"').length % 2 === 1),
    none,
    'marks come in pairs',
  );
  t.strictSame(
    offenders(quotes, ({ speaker }) => speaker.length > 0 && speaker.length <= 200),
    none,
  );
  const texts = quotes.flatMap(({ content, speaker }) => [content, speaker]);
  t.strictSame(
    offenders(texts, (text) => text === text.trim().normalize('NFC') && !/[‘’“”…]| {2}/.test(text)),
    none,
  );
});
