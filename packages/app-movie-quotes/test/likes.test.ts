import t from 'tap';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import { delivered } from './fixtures/reactions.ts';
import type { SiteResponse } from './fixtures/served.ts';

const site: Site = await startSite(t);

/** Sends the form of a quote's page as a browser does without a script. */
function press(id: number, like: string, headers: Record<string, string> = {}): Promise<SiteResponse> {
  return site.request({
    method: 'POST',
    url: `/quotes/${id}/likes`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: `like=${like}`,
  });
}

/** The visitor's cookie, as the browser sends it back. */
function cookieOf({ headers }: SiteResponse): string {
  return String(headers['set-cookie']).split(';', 1)[0] as string;
}

/** What the page of a quote shows to a visitor: the likes, and whether theirs is one of them. */
async function shown(
  id: number,
  cookie?: string,
): Promise<{ likes: number; pressed: string | undefined; next: string | undefined }> {
  const { body } = await site.request({ url: `/quotes/${id}`, headers: cookie === undefined ? {} : { cookie } });
  const button = /<button [^>]*value="(\w+)" aria-pressed="(\w+)">.*?<span class="count">(\d*)<\/span>/s.exec(body);
  return { next: button?.[1], pressed: button?.[2], likes: Number(button?.[3]) };
}

t.test('a like counts, and the page shows it to who gave it', async (t) => {
  t.same(await shown(1), { likes: 0, pressed: 'false', next: 'on' });
  const liked = await press(1, 'on');
  t.equal(liked.statusCode, 303);
  t.equal(liked.headers.location, '../1', 'back to the page, under whatever prefix');
  const cookie = cookieOf(liked);
  t.same(await shown(1, cookie), { likes: 1, pressed: 'true', next: 'off' });
  t.same(await shown(1), { likes: 1, pressed: 'false', next: 'on' }, 'to others it is one like, and not theirs');
});

t.test('a visitor is known by a cookie that is made with the first like and tells nothing', async (t) => {
  t.equal((await site.request('/quotes/2')).headers['set-cookie'], undefined, 'looking makes none');
  const first = await press(2, 'on');
  t.match(
    String(first.headers['set-cookie']),
    /^mq_visitor=[0-9a-f-]{36}; Path=\/.*; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
  );
  t.match(String(first.headers['set-cookie']), `Path=${site.root}/;`);
  const again = await press(2, 'on', { cookie: cookieOf(first) });
  t.equal(again.headers['set-cookie'], undefined);
});

t.test('the like of a person counts once, and is taken back by pressing again', async (t) => {
  const cookie = cookieOf(await press(3, 'on'));
  await press(3, 'on', { cookie });
  t.match(await shown(3, cookie), { likes: 1, pressed: 'true' });
  await press(3, 'off', { cookie });
  t.match(await shown(3, cookie), { likes: 0, pressed: 'false' });
  await press(3, 'off', { cookie });
  t.match(await shown(3, cookie), { likes: 0 }, 'taken back once');
  await press(3, 'on', { cookie });
  t.match(await shown(3, cookie), { likes: 1, pressed: 'true' });
});

t.test('a like of one quote is none of another, and none of another visitor', async (t) => {
  const cookie = cookieOf(await press(4, 'on'));
  await press(4, 'off');
  t.match(await shown(4, cookie), { likes: 1, pressed: 'true' });
  t.match(await shown(5, cookie), { likes: 0, pressed: 'false' });
});

t.test('a cookie that was not made here is as good as none', async (t) => {
  for (const cookie of ['mq_visitor=', 'mq_visitor=1', "mq_visitor=' OR 1=1 --", `mq_visitor=${'a'.repeat(500)}`]) {
    const { statusCode, headers } = await press(6, 'off', { cookie });
    t.equal(statusCode, 303, cookie);
    t.match(String(headers['set-cookie']), /^mq_visitor=[0-9a-f-]{36};/);
    t.equal((await site.request({ url: '/quotes/6', headers: { cookie } })).statusCode, 200);
  }
});

t.test('a page of another site cannot make somebody like a quote', async (t) => {
  const cookie = cookieOf(await press(7, 'off'));
  const elsewhere: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://elsewhere.example' },
    { origin: 'null' },
    { origin: 'not an origin' },
  ];
  for (const headers of elsewhere) {
    const { statusCode, body } = await press(7, 'on', { cookie, ...headers });
    t.equal(statusCode, 403, JSON.stringify(headers));
    t.match(body, '<!doctype html>');
  }
  t.match(await shown(7, cookie), { likes: 0 });
  for (const headers of [
    { 'sec-fetch-site': 'same-origin' },
    { origin: 'http://here.example', host: 'here.example' },
  ]) {
    t.equal((await press(7, 'on', { cookie, ...(headers as Record<string, string>) })).statusCode, 303);
  }
});

t.test('behind a proxy that changes the host, the public address is known as ours', async (t) => {
  const site = await startSite(t, { PUBLIC_URL: 'https://quotes.example.org/cinema' });
  const like = (origin: string) =>
    site.request({
      method: 'POST',
      url: '/quotes/1/likes',
      headers: { 'content-type': 'application/x-www-form-urlencoded', host: 'app:8000', origin },
      payload: 'like=on',
    });
  t.equal((await like('https://quotes.example.org')).statusCode, 303);
  t.equal((await like('https://example.org')).statusCode, 403);
});

t.test('what is not the form is refused, and nothing is stored', async (t) => {
  const type = 'application/x-www-form-urlencoded';
  const like = (url: string, contentType: string, payload: string) =>
    site.request({ method: 'POST', url, headers: { 'content-type': contentType }, payload });
  for (const payload of ['', 'like=', 'like=maybe', 'like=on&like=off', 'unlike=on', 'like[a]=on']) {
    t.equal((await like('/quotes/8/likes', type, payload)).statusCode, 400, payload);
  }
  t.equal((await like('/quotes/8/likes', 'application/json', '{"like":"on"}')).statusCode, 415);
  t.equal((await like('/quotes/8/likes', type, `like=on&x=${'x'.repeat(2000)}`)).statusCode, 413);
  t.equal((await like('/quotes/999999/likes', type, 'like=on')).statusCode, 404);
  t.equal((await like('/quotes/one/likes', type, 'like=on')).statusCode, 404);
  t.match(await shown(8), { likes: 0 });
});

t.test('what is liked this week is trending, the most first', async (t) => {
  const site = await startSite(t);
  t.match((await site.request('/trending')).body, 'Nobody has liked a quote yet this week.');
  for (const id of [11, 12, 12]) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await site.request({ method: 'POST', url: `/quotes/${id}/likes`, headers, payload: 'like=on' });
  }
  await delivered(site.database);
  const { body } = await site.request('/trending');
  const ranks = [...body.matchAll(/<span>(\d+)<\/span>.*?quotes\/(\d+)".*?class="counts">(.*?)</gs)].map(
    ([, ...rank]) => rank,
  );
  t.match(ranks, [
    ['1', '12', /^2 likes/],
    ['2', '11', /^1 like,/],
  ]);
  const [{ film = 0 } = {}] = await site.sql<{ film: number }>('SELECT film_id AS film FROM quotes WHERE id = 12');
  t.match((await site.request(`/films/${film}`)).body, /<span class="likes">.*2<span class="unseen"> likes/s);
});

t.test('a view counts when somebody looks, and not for the same page again or a guess of the browser', async (t) => {
  const site = await startSite(t);
  const seen = async () => /Seen (\d+) time/.exec((await look({ 'sec-purpose': 'prefetch' })).body)?.[1] ?? '0';
  const look = (headers: Record<string, string> = {}) => site.request({ url: '/quotes/9', headers });
  await look({ referer: `http://localhost${site.root}/quotes/9` });
  await look({ 'sec-purpose': 'prefetch;prerender' });
  await site.request({ method: 'HEAD', url: '/quotes/9' });
  t.equal(await seen(), '0');
  await look();
  await look({ referer: `http://localhost${site.root}/quotes` });
  // Written about a second later, and with MongoDB delivered after that.
  for (let tries = 0; tries < 100 && (await seen()) !== '2'; tries++) await new Promise((done) => setTimeout(done, 50));
  t.equal(await seen(), '2');
});
