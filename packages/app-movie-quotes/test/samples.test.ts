import { createApp } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { configIn, startSite, temporaryFolder } from './fixtures/movie-quotes.ts';

t.test('the small samples', async (t) => {
  const site = await startSite(t);

  await t.test('hello says so', async (t) => {
    const response = await site.request('/hello');
    t.equal(response.statusCode, 200);
    t.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
    t.equal(response.body, 'Hello World!');
    const etag = String(response.headers.etag);
    t.equal((await site.request({ url: '/hello', headers: { 'if-none-match': etag } })).statusCode, 304);
  });

  await t.test('what a proxy may keep says for how long, and when it was made', async (t) => {
    const before = Date.now();
    const response = await site.request('/cache-me');
    t.equal(response.statusCode, 200);
    t.equal(response.headers['cache-control'], 'public, max-age=60');
    t.type(response.headers.etag, 'string');
    const madeAt = Date.parse(response.json().madeAt);
    t.ok(madeAt >= before && madeAt <= Date.now());
    t.equal(Date.parse(String(response.headers['last-modified'])), Math.floor(madeAt / 1000) * 1000);
  });

  await t.test('info says who asks', async (t) => {
    const headers = { 'user-agent': '<script>alert(1)</script>', host: 'quotes.example.org' };
    const response = await site.request({ url: '/info', headers });
    t.equal(response.statusCode, 200);
    t.equal(response.headers['cache-control'], 'no-store');
    t.equal(response.headers['content-type'], 'application/json; charset=utf-8', 'whatever it repeats, it is no page');
    t.equal(response.headers['x-content-type-options'], 'nosniff');
    const info = response.json();
    t.match(info, {
      connectingAddress: /^(127\.0\.0\.1:\d+|unix)$/,
      host: 'quotes.example.org',
      userAgent: '<script>alert(1)</script>',
      scheme: 'http',
      forwardingHeaders: {},
      worker: Number,
      generation: Number,
    });
    t.equal(info.forwardedAddress, info.connectingAddress === 'unix' ? null : '127.0.0.1');
  });

  await t.test('info repeats what proxies say, and takes it for true only where the server does', async (t) => {
    const headers = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', cookie: 'secret=1' };
    const info = (await site.request({ url: '/info', headers })).json();
    t.match(info.forwardingHeaders, { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' });
    t.notOk('cookie' in info.forwardingHeaders);
    t.not(info.forwardedAddress, undefined);
  });
});

t.test('the connecting address is not what a client says it is', async (t) => {
  const app = createApp({ config: configIn(temporaryFolder(t)) });
  t.teardown(() => app.close());
  const ask = async (remoteAddress: string, headers: Record<string, string> = {}) =>
    app.inject({ url: '/readyz', remoteAddress, headers });
  t.strictSame((await ask('192.0.2.1')).json(), { status: 'ready' }, 'a neighbour on the network');
  t.ok((await ask('127.0.0.1')).json().checks, 'this machine');
  t.ok((await ask('::1')).json().checks, 'this machine');
  t.ok((await ask('::ffff:127.0.0.1')).json().checks, 'this machine');
  t.notOk((await ask('2001:db8::1')).json().checks);
  t.notOk((await ask('127.0.0.1', { 'x-forwarded-for': '127.0.0.1' })).json().checks, 'a proxy on this machine');
});
