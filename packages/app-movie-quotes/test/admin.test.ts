import { Writable } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import { sealData } from 'iron-session';
import { pino } from 'pino';
import t from 'tap';
import { sealKey } from '../src/middleware/admin-session.ts';
import { createAdmin, resetAdmin } from '../src/modules/admin/accounts.ts';
import { countAttempt } from '../src/modules/admin/attempts.ts';
import { isPassword } from '../src/modules/admin/passwords.ts';
import { ADMINISTRATION, Browser, PASSWORD, type Page, signedIn } from './fixtures/browser.ts';
import { type Site, startSite } from './fixtures/movie-quotes.ts';

/** Two sites on one database, as two workers are. */
let site: Site;
let other: Site;
const lines: string[] = [];

t.before(async () => {
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line));
      done();
    },
  });
  site = await startSite(t, ADMINISTRATION, { logger: pino(stream) as FastifyBaseLogger });
  other = await startSite(t, { ...ADMINISTRATION, DATABASE_URL: addressOf(site) });
});

t.beforeEach(() => site.sql('DELETE FROM limits'));

function addressOf({ config: { database } }: Site): string {
  if (database.kind === 'sqlite') return `sqlite:${database.file}`;
  const { user, password, host, port } = database;
  return `mariadb://${user}${password && `:${encodeURIComponent(password)}`}@${host}:${port}/${database.database}`;
}

/** Whether the browser is signed in. */
async function isIn(browser: Browser): Promise<boolean> {
  return (await browser.get('/admin')).statusCode === 200;
}

/** What the same page has in common with itself: all but the token. */
function withoutToken({ body }: Page): string {
  return body.replace(/name="_csrf" value="[^"]*"/g, '');
}

t.test('without a secret administration is off, and its page says how to turn it on', async (t) => {
  const off = await startSite(t, { DATABASE_URL: addressOf(site) });
  for (const url of ['/admin', '/admin/', '/admin/sign-in', '/admin/quotes/1']) {
    t.match(await off.request(url), {
      statusCode: 404,
      body: /SESSION_SECRET/,
      headers: { 'cache-control': 'no-store' },
    });
  }
  t.equal((await off.request({ method: 'POST', url: '/admin/sign-in', payload: { name: 'x' } })).statusCode, 404);
});

t.test('who is not signed in gets the page to sign in, and changes nothing', async (t) => {
  const browser = new Browser(site);
  for (const path of ['/admin', '/admin/', '/admin/quotes/new', '/admin/quotes/1', '/admin/audit']) {
    const page = await browser.get(path);
    t.match(page, { statusCode: 303, headers: { 'cache-control': 'no-store' } }, path);
    t.match((await browser.follow(page)).body, '<h1 class="title">Sign in</h1>');
  }
  for (const path of [
    '/admin/quotes',
    '/admin/quotes/1',
    '/admin/quotes/1/delete',
    '/admin/audit/1/undo',
    '/admin/sign-out',
  ]) {
    t.equal((await browser.post(path, { content: 'x', speaker: 'x', film: 'x', year: '1999' })).statusCode, 303, path);
  }
  t.equal((await site.request('/api/v1/quotes/1')).statusCode, 200);
});

t.test('a session begins with the password, and ends with the way out, in every copy of its cookie', async (t) => {
  const browser = await signedIn(site, 'ilsa');
  const { line, path, value } = browser.cookies.get('mq_admin') as { line: string; path: string; value: string };
  t.equal(path, `${site.root}/`);
  t.match(line, /; HttpOnly; SameSite=Lax$/);
  t.notMatch(value, 'ilsa');
  const page = await browser.get('/admin');
  t.match(page.body, 'Signed in as ilsa');
  t.equal(page.headers['cache-control'], 'no-store');
  t.equal((await browser.follow(await browser.get('/admin/sign-in'))).path, '/admin', 'who is in need not sign in');

  const elsewhere = new Browser(other);
  for (const [name, cookie] of browser.cookies) elsewhere.cookies.set(name, { ...cookie, path: '/' });
  t.equal(await isIn(elsewhere), true, 'another worker knows the session');

  const out = await browser.submit(page, 'admin/sign-out');
  t.match((await browser.follow(out)).body, 'You are signed out.');
  t.equal(await isIn(browser), false);
  t.equal(await isIn(elsewhere), false);
});

t.test('an unknown name, a wrong password and no password get the same answer', async (t) => {
  await createAdmin(site.database, 'victor', PASSWORD);
  const browser = new Browser(site);
  const answers = [];
  for (const [name, password] of [
    ['victor', 'wrong'],
    ['nobody', PASSWORD],
    ['victor', ''],
    ['victor', `${PASSWORD} `],
    ["victor' OR '1'='1", PASSWORD],
    ['victor', 'x'.repeat(10_000)],
  ] as const) {
    const page = await browser.signIn(name, password);
    t.equal(page.statusCode, 403);
    t.match(page.body, 'The name or the password is wrong.');
    answers.push(withoutToken(page).replace(/ name="name" value="[^"]*"/, ''));
  }
  t.equal(new Set(answers).size, 1);
  t.match((await browser.signIn('<b>')).body, 'value="&lt;b&gt;"', 'the name stays, as text');
});

t.test('a form without a token of its own session is refused', async (t) => {
  const browser = await signedIn(site, 'ugarte');
  const stranger = new Browser(site);
  const token = /name="_csrf" value="([^"]*)"/.exec((await stranger.get('/admin/sign-in')).body)?.[1] as string;
  const before = await site.sql('SELECT * FROM audit');
  for (const fields of [{}, { _csrf: '' }, { _csrf: 'x'.repeat(500) }, { _csrf: token }]) {
    for (const path of ['/admin/quotes', '/admin/quotes/1/delete', '/admin/sign-out', '/admin/sign-out-everywhere']) {
      const refused = await browser.post(path, { ...fields, version: '1' });
      t.match(refused, { statusCode: 403, body: /This form is not from these pages/ }, path);
    }
  }
  t.equal(await isIn(browser), true);
  t.same(await site.sql('SELECT * FROM audit'), before);

  const old = await new Browser(site).post('/admin/sign-in', { _csrf: token, name: 'ugarte', password: PASSWORD });
  t.match(old, { statusCode: 403, body: /That form was too old/ }, 'nor can another site sign somebody in');
  t.match(old.body, 'value="ugarte"');
});

t.test('cookies that were forged, changed, made with another secret, or too old sign nobody in', async (t) => {
  const { id } = (
    await site.sql<{ id: number }>('SELECT id FROM admins WHERE name = ?', [
      await createAdmin(site.database, 'sacha', PASSWORD),
    ])
  )[0] as { id: number };
  const { since } = (
    await site.sql<{ since: number }>('SELECT sessions_since AS since FROM admins WHERE id = ?', [id])
  )[0] as {
    since: number;
  };
  const now = Date.now();
  const hour = 3_600_000;
  const session = { id: 'made-here', admin: id, since: Number(since), began: now - hour, used: now };
  const seal = async (data: object, secret = ADMINISTRATION.SESSION_SECRET) =>
    sealData({ signedIn: { ...session, ...data } }, { password: sealKey(secret) });
  const statusOf = async (value: string) => {
    const browser = new Browser(site);
    browser.cookies.set('mq_admin', { value, path: '/', line: '' });
    return (await browser.get('/admin')).statusCode;
  };
  const good = await seal({});
  t.equal(await statusOf(good), 200, 'one that is all right');
  for (const [what, value] of Object.entries({
    nonsense: 'nonsense',
    empty: '',
    'a seal of nothing': 'Fe26.2*1*x*x*x**x*x~2',
    'one letter changed': good.replace(/(.{60})(.)/, (_, start, one) => start + (one === 'a' ? 'b' : 'a')),
    'a secret of somebody else': await seal({}, 'another secret of thirty-two letters'),
    'not used for an hour': await seal({ used: now - hour - 1 }),
    'in use for half a day': await seal({ began: now - 12 * hour - 1 }),
    'from the future': await seal({ used: now + hour }),
    'began before a reset': await seal({ since: Number(since) - 1 }),
    'an administrator that there is not': await seal({ admin: 999_999 }),
    'numbers that are none': await seal({ used: 'x', began: null, admin: '1 OR 1=1' }),
    'a seal without a session': await sealData(
      { signedIn: null },
      { password: sealKey(ADMINISTRATION.SESSION_SECRET) },
    ),
  })) {
    t.equal(await statusOf(value), 303, what);
  }
  await site.sql('DELETE FROM admins WHERE id = ?', [id]);
  t.equal(await statusOf(good), 303, 'an administrator who was removed');
});

t.test('signing out everywhere and a reset end all sessions, on every worker', async (t) => {
  const here = await signedIn(site, 'annina');
  const there = new Browser(other);
  await there.signIn('annina');
  t.equal(await isIn(there), true);
  await here.submit(await here.get('/admin'), 'admin/sign-out-everywhere');
  t.equal(await isIn(here), false);
  const ended = await there.get('/admin');
  t.match((await there.follow(ended)).body, 'Your session has ended.');

  await here.signIn('annina');
  t.equal(await isIn(here), true);
  await resetAdmin(other.database, 'Annina', 'another password of hers');
  t.equal(await isIn(here), false);
  t.equal((await here.signIn('annina')).statusCode, 403, 'the old password is worth nothing');
  t.equal((await here.signIn('annina', 'another password of hers')).statusCode, 303);
});

t.test('after five failures a name is locked on every worker, each time for longer', async (t) => {
  await createAdmin(site.database, 'louis', PASSWORD);
  const browsers = [new Browser(site), new Browser(other)];
  const [here, there] = browsers as [Browser, Browser];
  for (let failure = 0; failure < 5; failure++) {
    t.equal((await (browsers[failure % 2] as Browser).signIn('louis', 'wrong')).statusCode, 403);
  }
  for (const browser of browsers) {
    const locked = await browser.signIn('louis');
    t.match(locked, { statusCode: 429, body: /Too many wrong passwords\. Try again in \d+ seconds\./ });
    t.ok(Number(locked.headers['retry-after']) <= 60);
  }
  /** The minute is over. */
  const wait = () => site.sql("UPDATE limits SET resets_at = ? WHERE id LIKE '%:lock'", [Date.now() - 1]);
  for (const minutes of [2, 4, 8, 15, 15]) {
    await wait();
    t.equal((await there.signIn('louis', 'wrong')).statusCode, 403);
    const seconds = Number((await here.signIn('louis')).headers['retry-after']);
    t.ok(seconds > (minutes - 1) * 60 && seconds <= minutes * 60, `${minutes} minutes: ${seconds} seconds`);
  }
  await wait();
  t.equal((await here.signIn('louis')).statusCode, 303, 'and the right password ends it');
  t.equal((await there.signIn('louis', 'wrong')).statusCode, 403, 'from where one starts anew');
});

t.test('a reset lets a locked administrator in', async (t) => {
  await createAdmin(site.database, 'carl', PASSWORD);
  for (let failure = 0; failure < 5; failure++)
    await countAttempt(site.database, { name: 'carl', client: '192.0.2.7' });
  const browser = new Browser(site);
  t.equal((await browser.signIn('carl')).statusCode, 429);
  await resetAdmin(site.database, 'carl', PASSWORD);
  t.equal((await browser.signIn('carl')).statusCode, 303);
});

t.test('of many attempts at once no more are made than of those one after the other', async (t) => {
  const attempts = Array.from({ length: 24 }, (_, index) =>
    countAttempt((index % 2 ? site : other).database, { name: 'emil', client: `192.0.2.${index}` }),
  );
  t.equal((await Promise.all(attempts)).filter((wait) => wait === 0).length, 5);
});

t.test('a client who tries many names is locked, with all of its IPv6 network', async (t) => {
  const from = (client: string, name: string) => countAttempt(site.database, { name, client });
  for (let name = 0; name < 20; name++) {
    t.equal(await from(`2001:db8:0:1::${name.toString(16)}`, `name ${name}`), 0);
  }
  t.ok((await from('2001:db8::1:ffff:0:0:1', 'another')) > 0);
  t.equal(await from('2001:db8:0:2::1', 'another'), 0, 'the network beside it is not');
  t.equal(await from('::ffff:192.0.2.1', 'one more'), 0);
});

t.test('what is no form is refused, and no server error comes of it', async (t) => {
  const browser = new Browser(site);
  const token = /name="_csrf" value="([^"]*)"/.exec((await browser.get('/admin/sign-in')).body)?.[1] as string;
  for (const body of [
    `_csrf=${token}&name=a&name=b&password=x&password=y`,
    `_csrf=${token}&name[]=a&password[$ne]=x&__proto__[admin]=1`,
    `_csrf=${token}&name=%00%ff%zz&password=%f0%9f`,
    `_csrf=${token}`,
  ]) {
    t.equal((await browser.post('/admin/sign-in', body)).statusCode, 403, body);
  }
  t.equal((await browser.post('/admin/sign-in', `_csrf=${token}&_csrf=${token}`)).statusCode, 403);
  t.equal((await browser.post('/admin/sign-in', `_csrf=${token}&password=${'x'.repeat(20_000)}`)).statusCode, 413);
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x']) {
    const headers = { 'content-type': type };
    const sent = await site.request({ method: 'POST', url: '/admin/sign-in', headers, payload: '{"name":{"$ne":""}}' });
    t.equal(sent.statusCode, 415, type);
  }
  t.equal((await site.request({ method: 'POST', url: '/admin/sign-in' })).statusCode, 403);
});

t.test('more sign-ins at once than there is time for are refused for the moment', async (t) => {
  const checks = await Promise.allSettled(Array.from({ length: 20 }, () => isPassword('any password', undefined)));
  const refused = checks.filter((check) => check.status === 'rejected').map(({ reason }) => reason);
  t.ok(refused.length > 0 && refused.length <= 3, `${refused.length} of 20`);
  t.match(refused[0], { statusCode: 503, retryAfter: 2 });
  t.same(new Set(checks.map((check) => check.status === 'fulfilled' && check.value)), new Set([false]));
});

t.test('a password that is too weak, and a name that cannot be, are refused with what is wrong', async (t) => {
  const refusal = (name: string, password: string) => createAdmin(site.database, name, password);
  await t.rejects(refusal('yvonne', 'too short'), /at least 12 characters, not 9/);
  await t.rejects(refusal('yvonne', 'x'.repeat(201)), /at most 200 characters/);
  await t.rejects(refusal('yvonne', 'abababababab'), /at least 5 different characters/);
  await t.rejects(refusal('yvonne', 'I am Yvonne, really'), /must not contain the name/);
  for (const name of ['', ' ', 'a b', '../x', 'x'.repeat(65), '<b>']) {
    await t.rejects(refusal(name, PASSWORD), /takes up to 64 letters/);
  }
  t.equal(await createAdmin(site.database, ' Yvonne ', PASSWORD), 'yvonne');
  await t.rejects(refusal('yvonne', PASSWORD), /there is an administrator yvonne already/);
  await t.rejects(resetAdmin(site.database, 'ferrari', PASSWORD), /there is no administrator ferrari/);
  await t.rejects(resetAdmin(site.database, 'yvonne', 'short'), /at least 12 characters/);
  t.equal((await new Browser(site).signIn('YVONNE')).statusCode, 303, 'capitals make no other name');
});

t.test('the log tells who signed in and who failed, and no secret', async (t) => {
  lines.length = 0;
  await createAdmin(site.database, 'sam', PASSWORD);
  const browser = new Browser(site);
  await browser.signIn('sam', 'a wrong password');
  await browser.signIn('my password in the wrong field', '');
  const form = await browser.get('/admin/sign-in');
  await browser.submit(form, 'admin/sign-in', { name: 'sam', password: PASSWORD });
  await browser.post('/admin/sign-out', {});
  await browser.submit(await browser.get('/admin'), 'admin/sign-out');
  for (let failure = 0; failure < 5; failure++) await countAttempt(site.database, { name: 'sam', client: '192.0.2.7' });
  await browser.signIn('sam');
  const entries = lines.map((line) => JSON.parse(line)).filter(({ admin }) => admin !== undefined);
  t.match(entries, [
    { level: 40, admin: 'sam', client: String, msg: 'sign-in failed', reqId: String },
    { level: 40, admin: '(no such name)', msg: 'sign-in failed' },
    { level: 30, admin: 'sam', msg: 'sam signed in' },
    { level: 40, admin: 'sam', msg: /^sign-in refused: locked for \d+ s more$/ },
  ]);
  const token = /name="_csrf" value="([^"]*)"/.exec(form.body)?.[1] as string;
  const log = lines.join('');
  for (const secret of [PASSWORD, 'a wrong password', 'wrong field', token, 'Fe26.2', '$argon2id']) {
    t.notMatch(log, secret);
  }
});

t.test('over HTTPS the cookie is for HTTPS alone', async (t) => {
  // A proxy on a Unix socket is trusted with what it says.
  const behind = await startSite(t, { ...ADMINISTRATION, DATABASE_URL: addressOf(site) }, { way: 'unix' });
  const cookieOf = async (headers: Record<string, string>) =>
    (await behind.request({ url: '/admin/sign-in', headers })).headers['set-cookie'];
  t.match(await cookieOf({ 'x-forwarded-proto': 'https' }), [/; Secure/]);
  t.notMatch(await cookieOf({}), [/; Secure/]);
});
