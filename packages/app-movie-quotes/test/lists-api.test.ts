// Lists of quotes and films over the API: pages by cursor, search, order, films with their quotes. One site, which is read.

import t from 'tap';
import { startSite } from './fixtures/movie-quotes.ts';

const site = await startSite(t);

t.test('every quote is on one page of the list, and each page says where the next one is', async (t) => {
  const ids: number[] = [];
  for (let next = ''; ; ) {
    const response = await site.request(`/api/v1/quotes?limit=100&sort=-year${next}`);
    t.equal(response.statusCode, 200);
    const page = response.json();
    ids.push(...page.quotes.map(({ id }: { id: number }) => id));
    if (page.next === null) break;
    t.equal(page.quotes.length, 100);
    next = `&cursor=${page.next}`;
  }
  const rows = await site.sql<{ count: number }>('SELECT COUNT(*) AS count FROM quotes');
  t.equal(ids.length, Number(rows[0]?.count));
  t.equal(new Set(ids).size, ids.length);
});

t.test('without parameters a list has 20 quotes by their ids', async (t) => {
  const { quotes, next } = (await site.request('/api/v1/quotes')).json();
  t.equal(quotes.length, 20);
  t.strictSame(quotes[0], (await site.request('/api/v1/quotes/1')).json());
  t.equal(typeof next, 'string');
});

t.test('what is searched is found in the quote, its speaker, its film and its year', async (t) => {
  const found = (search: string) => site.request(`/api/v1/quotes?limit=100&search=${encodeURIComponent(search)}`);
  const { quotes } = (await found('casablanca 1942')).json();
  t.ok(quotes.length > 0);
  for (const quote of quotes) t.match(quote, { film: 'Casablanca', year: 1942 });
  t.strictSame((await found('CASABLANCA 1942 casablanca')).json().quotes, quotes);
  t.strictSame((await found('nobody says that, ever')).json(), { quotes: [], next: null });
});

t.test('films are listed with the number of their quotes, and a film with the quotes', async (t) => {
  const { films } = (await site.request('/api/v1/films?search=casablanca%201942&sort=title')).json();
  const [film] = films;
  t.match(film, { title: 'Casablanca', year: 1942, quoteCount: Number });
  const one = (await site.request(`/api/v1/films/${film.id}`)).json();
  t.match(one, { id: film.id, title: 'Casablanca', year: 1942 });
  t.equal(one.quotes.length, film.quoteCount);
  const missing = await site.request('/api/v1/films/2147483647');
  t.match(missing.json(), { status: 404, detail: 'there is no film 2147483647' });
});

t.test('lists and films may be kept for a while, and have a tag to ask again by', async (t) => {
  for (const url of ['/api/v1/quotes?search=paris', '/api/v1/films', '/api/v1/films/1']) {
    const first = await site.request(url);
    t.match(first.headers['cache-control'], /^public, max-age=\d+$/);
    const headers = { 'if-none-match': `"other", ${first.headers.etag}` };
    const again = await site.request({ url, headers });
    t.equal(again.statusCode, 304, url);
    t.equal(again.body, '');
    t.equal(again.headers.etag, first.headers.etag);
    t.equal((await site.request({ method: 'HEAD', url })).headers.etag, first.headers.etag);
  }
});

t.test('a parameter that is wrong is named', async (t) => {
  const { next } = (await site.request('/api/v1/quotes?sort=film&limit=1')).json();
  const cases = [
    ['limit=0', 'limit', 'must be >= 1'],
    ['limit=101', 'limit', 'must be <= 100'],
    ['limit=NaN', 'limit', 'must be integer'],
    ['limit=1e9', 'limit', 'must be <= 100'],
    ['limit=5&limit=6', 'limit', 'must be integer'],
    ['sort=name', 'sort', 'must be one of id, -id, film, -film, year, -year, speaker, -speaker'],
    ['search=%00', 'search', 'must be text on one line'],
    [`search=${'x'.repeat(101)}`, 'search', 'must NOT have more than 100 characters'],
    ['cursor=%7B%7D', 'cursor', 'must be the "next" of a page'],
    ['cursor=bnVsbA', 'cursor', 'must be the "next" of a page'],
    [`cursor=${next}`, 'cursor', 'must be of a page with the same "sort"'],
    ['serach=paris', 'serach', 'is not taken'],
    ['__proto__=1', '__proto__', 'is not taken'],
  ] as const;
  for (const [query, field, message] of cases) {
    const response = await site.request(`/api/v1/quotes?${query}`);
    t.equal(response.statusCode, 400, query.slice(0, 40));
    t.strictSame(response.json().errors, [{ in: 'querystring', field, message }]);
  }
});

t.test('a method that a resource does not have is 405, and OPTIONS tells those that it has', async (t) => {
  const allowed = { quotes: 'GET, HEAD, OPTIONS, POST', 'quotes/1': 'DELETE, GET, HEAD, OPTIONS, PUT' };
  for (const [path, allow] of Object.entries({ ...allowed, films: 'GET, HEAD, OPTIONS' })) {
    const url = `/api/v1/${path}`;
    const refused = await site.request({ method: 'PATCH', url });
    t.equal(refused.statusCode, 405);
    t.equal(refused.headers.allow, allow);
    t.match(refused.json(), { title: 'Method Not Allowed', detail: `${url} takes ${allow}` });
    const options = await site.request({ method: 'OPTIONS', url });
    t.equal(options.statusCode, 204);
    t.equal(options.headers.allow, allow);
  }
  t.equal((await site.request({ method: 'OPTIONS', url: '/api/v1/nothing' })).statusCode, 404);
  t.equal((await site.request({ method: 'DELETE', url: '/api/v1/nothing' })).statusCode, 404);
});
