import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { readQuoteForm } from '../src/modules/admin/quote-form.ts';
import { QuoteInput } from '../src/modules/quotes/schemas.ts';
import { ADMINISTRATION, type Browser, type Page, signedIn } from './fixtures/browser.ts';
import { type Site, startSite } from './fixtures/movie-quotes.ts';

const QUOTE = { content: 'Of all the gin joints.', speaker: 'Rick', film: 'Casablanca, again', year: '1943' };

let site: Site;
let browser: Browser;

t.before(async () => {
  site = await startSite(t, ADMINISTRATION);
  browser = await signedIn(site);
});

/** Adds a quote, and gives its id. */
async function add(fields: Partial<typeof QUOTE> = {}): Promise<number> {
  const form = await browser.get('/admin/quotes/new');
  const added = await browser.submit(form, 'admin/quotes', { ...QUOTE, ...fields });
  const page = await browser.follow(added);
  return Number(/^\/admin\/quotes\/(\d+)$/.exec(page.path)?.[1]);
}

/** Deletes a quote, and gives the page of changes. */
async function remove(id: number): Promise<Page> {
  const question = await browser.get(`/admin/quotes/${id}/delete`);
  return browser.follow(await browser.submit(question, `quotes/${id}/delete`));
}

/** The number of the newest change. */
async function newest(): Promise<number> {
  return Number((await site.sql<{ id: number }>('SELECT MAX(id) AS id FROM audit'))[0]?.id);
}

async function countQuotes(): Promise<number> {
  return Number((await site.sql<{ count: number }>('SELECT COUNT(*) AS count FROM quotes'))[0]?.count);
}

t.test('quotes are listed in pages, and found by their words', async (t) => {
  const first = await browser.get('/admin');
  t.equal(first.statusCode, 200);
  t.match(first.body, /Signed in as rick/);
  t.equal(first.body.match(/aria-label="Delete quote/g)?.length, 50);
  const second = await browser.get('/admin?page=2');
  t.match(second.body, /aria-label="Page 2" aria-current="page"/);
  const found = await browser.get('/admin?search=we%27ll+always+have+PARIS');
  t.match(found.body, /1 quote with “we&#39;ll always have PARIS”/);
  t.match(found.body, /We&#39;ll always have Paris\./);
  const none = await browser.get('/admin?search=%3Cscript%3E%25');
  t.match(none.body, /0 quotes with “&lt;script&gt;%”/);
});

t.test('a quote that is written is on the site at once, and in the list of changes', async (t) => {
  const id = await add({ content: "  It's\r\n still the same\told story.  " });
  const page = await browser.get(`/admin/quotes/${id}`);
  t.match(page.body, /It&#39;s still the same old story\./, 'on one line');
  t.notMatch(page.body, 'The quote was added', 'what happened is told once');
  t.match((await site.request(`/api/v1/quotes/${id}`)).json(), {
    content: "It's still the same old story.",
    speaker: 'Rick',
    film: 'Casablanca, again',
    year: 1943,
    version: 1,
  });
  const { body } = await browser.get('/admin/audit');
  t.match(
    body,
    new RegExp(`</time> by rick</td>\\s*<td>\\s*<p><a href="[^"]*admin/quotes/${id}">Quote ${id}</a> added`),
  );
  t.match(body, '<ins>Casablanca, again</ins>');
});

t.test('each wrong field is named, what was typed stays, and nothing is stored', async (t) => {
  const before = await countQuotes();
  const form = await browser.get('/admin/quotes/new');
  const script = '"><script>alert(1)</script>';
  const wrong = await browser.submit(form, 'admin/quotes', {
    content: ' \r\n ',
    speaker: 'x'.repeat(201),
    film: `${script}\u0000`,
    year: "1'; DROP TABLE quotes",
  });
  t.equal(wrong.statusCode, 422);
  for (const name of ['content', 'speaker', 'film', 'year']) {
    t.match(wrong.body, `<a href="#quote-${name}">`);
    t.match(
      wrong.body,
      new RegExp(
        `id="quote-${name}" name="${name}" required aria-describedby="[^"]*${name}-wrong" aria-invalid="true"`,
      ),
    );
  }
  t.match(wrong.body, `value="${'x'.repeat(201)}"`);
  t.match(wrong.body, 'value="1&#39;; DROP TABLE quotes"');
  t.notMatch(wrong.body, '<script>alert');
  const again = await browser.submit(wrong, 'admin/quotes', { ...QUOTE, year: '' });
  t.equal(again.statusCode, 422, 'and the page that says so can be sent again');
  t.match(again.body, 'value="Casablanca, again"');

  for (const year of ['NaN', '-1', '1887', '2101', '1e3', '0x7C5', '19 42', '١٩٤٢']) {
    t.equal((await browser.submit(form, 'admin/quotes', { ...QUOTE, year })).statusCode, 422, `the year ${year}`);
  }
  t.equal(await countQuotes(), before);
});

t.test('whatever a form has in it, it is a quote or names what is wrong', async (t) => {
  const field = fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.integer().map(String), fc.anything());
  const form = fc.record({ content: field, speaker: field, film: field, year: field }, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.oneof(form, fc.anything()), (body) => {
      const { input, wrong } = readQuoteForm(body);
      return input === null ? Object.keys(wrong).length > 0 : Value.Check(QuoteInput, input);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('markup and SQL in a quote are its text, and nothing else', async (t) => {
  const text = `<b onclick="x">Robert'); DROP TABLE quotes;--</b> \${7*7} <%= 7 %> 😀`;
  const id = await add({ content: text, speaker: text, film: text });
  for (const path of [`/admin/quotes/${id}`, '/admin?search=robert', '/admin/audit', `/admin/quotes/${id}/delete`]) {
    const { statusCode, body } = await browser.get(path);
    t.equal(statusCode, 200, path);
    t.notMatch(body, '<b onclick', path);
    t.match(body, '&lt;b onclick', path);
  }
  t.equal((await site.request(`/api/v1/quotes/${id}`)).json().content, text);
});

t.test('the same quote of a film twice is refused in words', async (t) => {
  await add({ content: 'Play it, Sam.' });
  const form = await browser.get('/admin/quotes/new');
  const twice = await browser.submit(form, 'admin/quotes', { ...QUOTE, content: 'Play it, Sam.' });
  t.equal(twice.statusCode, 422);
  t.match(twice.body, /The film has this quote already/);
});

t.test('of two who change a quote the second sees both, and decides', async (t) => {
  const id = await add({ content: 'A franc for your thoughts.' });
  const mine = await browser.get(`/admin/quotes/${id}`);
  const theirs = await browser.get(`/admin/quotes/${id}`);
  const saved = await browser.submit(theirs, `admin/quotes/${id}`, { ...QUOTE, content: 'Theirs.' });
  t.match((await browser.follow(saved)).body, /The quote was saved/);

  const conflict = await browser.submit(mine, `admin/quotes/${id}`, { ...QUOTE, content: 'Mine.' });
  t.equal(conflict.statusCode, 412);
  t.match(conflict.body, /Somebody changed this quote meanwhile/);
  t.match(conflict.body, />\nMine\.<\/textarea>/);
  t.match(conflict.body, '<q>Theirs.</q>');
  t.equal((await site.request(`/api/v1/quotes/${id}`)).json().content, 'Theirs.');

  await browser.submit(conflict, `admin/quotes/${id}`, { ...QUOTE, content: 'Mine.' });
  t.equal((await site.request(`/api/v1/quotes/${id}`)).json().content, 'Mine.');
  const { body } = await browser.get('/admin/audit');
  t.match(body, '<p>Words: <del>Theirs</del><ins>Mine</ins>.</p>', 'the difference, word by word');
});

t.test('who asked to delete what was changed meanwhile is asked again', async (t) => {
  const id = await add({ content: 'Round up the usual suspects.' });
  const question = await browser.get(`/admin/quotes/${id}/delete`);
  await browser.submit(await browser.get(`/admin/quotes/${id}`), `admin/quotes/${id}`, {
    ...QUOTE,
    content: 'Changed.',
  });
  const asked = await browser.submit(question, `quotes/${id}/delete`);
  t.equal(asked.statusCode, 412);
  t.match(asked.body, 'Changed.');
  t.equal((await site.request(`/api/v1/quotes/${id}`)).statusCode, 200);
  t.equal((await browser.submit(asked, `quotes/${id}/delete`)).statusCode, 303);
  t.equal((await site.request(`/api/v1/quotes/${id}`)).statusCode, 404);
});

t.test('a deletion can be undone once: the quote is back under its number, with its likes', async (t) => {
  const id = await add({ content: 'I stick my neck out for nobody.' });
  const like = { method: 'POST', url: `/api/v1/quotes/${id}/reactions`, payload: { kind: 'like' } };
  t.match(await site.request(like), { statusCode: 200 });
  const changes = await remove(id);
  t.match(changes.body, /The quote was deleted/);
  t.equal((await browser.get(`/admin/quotes/${id}`)).statusCode, 404);
  const deletion = await newest();

  const back = await browser.follow(await browser.submit(changes, `audit/${deletion}/undo`));
  t.equal(back.path, `/admin/quotes/${id}`);
  t.match(back.body, />\nI stick my neck out for nobody\.<\/textarea>/);
  t.match((await site.request(`/api/v1/quotes/${id}/reactions`)).json(), { likes: 1 });
  t.match(await site.sql('SELECT action, actor, subject_id AS id FROM audit WHERE id = ?', [await newest()]), [
    { action: 'undo', actor: 'admin:rick', id },
  ]);
  t.match((await browser.get('/admin/audit')).body, `Undone by <a href="#change-${await newest()}">`);

  const twice = await browser.submit(changes, `audit/${deletion}/undo`);
  t.equal(twice.statusCode, 409);
  t.match(twice.body, /This cannot be undone: it was undone already\./);
});

t.test('of two who undo the same deletion one does it', async (t) => {
  const changes = await remove(await add({ content: 'Not an easy day to forget.' }));
  const path = `audit/${await newest()}/undo`;
  const both = await Promise.all([browser.submit(changes, path), browser.submit(changes, path)]);
  t.same(both.map(({ statusCode }) => statusCode).sort(), [303, 409]);
});

t.test('a deletion is not undone where the film has the quote again', async (t) => {
  const changes = await remove(await add({ content: "We'll always have Lisbon." }));
  const deletion = await newest();
  await add({ content: "We'll always have Lisbon." });
  const refused = await browser.submit(changes, `audit/${deletion}/undo`);
  t.equal(refused.statusCode, 409);
  t.match(refused.body, /the film has this quote again, under another number/);
  t.match(await site.sql('SELECT undone_by AS undoneBy FROM audit WHERE id = ?', [deletion]), [{ undoneBy: null }]);
});

t.test('a change can be undone while it is the last one', async (t) => {
  const id = await add({ content: 'The first.' });
  for (const content of ['The second.', 'The third.']) {
    await browser.submit(await browser.get(`/admin/quotes/${id}`), `admin/quotes/${id}`, { ...QUOTE, content });
  }
  const last = await newest();
  const changes = await browser.get('/admin/audit');
  const early = await browser.submit(changes, `audit/${last - 1}/undo`);
  t.equal(early.statusCode, 409);
  t.match(early.body, /the quote was changed again since/);
  const undone = await browser.follow(await browser.submit(changes, `audit/${last}/undo`));
  t.match(undone.body, />\nThe second\.<\/textarea>/);
});

t.test('numbers that name nothing, and what is no number, get a page that says so', async (t) => {
  for (const id of ['999999999', '0', '-1', '1.5', 'abc', '2147483648', '1%20OR%201=1', '%00']) {
    for (const path of [`/admin/quotes/${id}`, `/admin/quotes/${id}/delete`]) {
      t.match(await browser.get(path), { statusCode: 404, headers: { 'content-type': /text\/html/ } }, path);
    }
  }
  for (const query of ['page=0', 'page=x', 'page=NaN', 'page=99999999999', `search=${'x'.repeat(101)}`]) {
    t.equal((await browser.get(`/admin?${query}`)).statusCode, 400, query);
  }
  t.equal((await browser.get('/admin?page=1000000')).statusCode, 200, 'the last page there is');
  const page = await browser.get('/admin/quotes/new');
  const token = /name="_csrf" value="([^"]*)"/.exec(page.body)?.[1] as string;
  t.equal((await browser.post('/admin/audit/999999999/undo', { _csrf: token })).statusCode, 404);
  t.equal((await browser.post('/admin/quotes/999999999', { _csrf: token, ...QUOTE })).statusCode, 404);
  t.equal(
    (await browser.post('/admin/quotes/1', { _csrf: token, ...QUOTE })).statusCode,
    412,
    'no version: a conflict',
  );
  t.equal((await browser.post('/admin/quotes', `_csrf=${token}&film=a&film=b&content[]=x&year=1999`)).statusCode, 422);
});
