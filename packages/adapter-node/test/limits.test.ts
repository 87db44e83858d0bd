import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { exchange, statusOf } from './fixtures/raw.ts';
import { serve } from './fixtures/serve.ts';

const END = '\r\nHost: a\r\nConnection: close\r\n\r\n';

t.test('each limit has its own status, closes the connection and writes one line', async (t) => {
  let handled = 0;
  const { port, lines, server } = await serve(
    t,
    async ({ body }) => {
      handled++;
      for await (const _ of body ?? []);
      return { status: 200, headers: [], body: 'ok' };
    },
    { limits: { requestLine: 1000, headerBytes: 2000, headerCount: 20, bodyBytes: 100 } },
  );
  const cases: [number, string][] = [
    [414, `GET /${'x'.repeat(1000)} HTTP/1.1${END}`],
    [414, `GET /${'x'.repeat(30_000)} HTTP/1.1${END}`],
    [431, `GET / HTTP/1.1\r\nX: ${'x'.repeat(2000)}${END}`],
    [431, `GET / HTTP/1.1\r\nX: ${'x'.repeat(30_000)}${END}`],
    [431, `GET / HTTP/1.1${'\r\nX: 1'.repeat(30)}${END}`],
    [413, `POST / HTTP/1.1\r\nContent-Length: 101${END}`],
    [413, `POST / HTTP/1.1\r\nTransfer-Encoding: chunked${END}80\r\n${'x'.repeat(128)}\r\n0\r\n\r\n`],
    [501, `POST / HTTP/1.1\r\nTransfer-Encoding: gzip${END}`],
    [501, `POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked${END}0\r\n\r\n`],
    [501, 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'],
    [417, `GET / HTTP/1.1\r\nExpect: a miracle${END}`],
  ];
  for (const [status, bytes] of cases) {
    const reply = await exchange(port, bytes);
    t.equal(statusOf(reply), status, JSON.stringify(bytes.slice(0, 60)));
    t.match(reply, /\r\nConnection: close\r\n/);
  }
  t.equal(lines.length, cases.length);
  t.equal(server.stats().refused, cases.length);
  t.equal(handled, 1, 'only the chunked body was begun');
  t.equal(statusOf(await exchange(port, `GET / HTTP/1.1${END}`)), 200, 'the server goes on');
});

t.test('what RFC 9112 forbids is 400 and never reaches the application', async (t) => {
  let handled = 0;
  const { port, lines } = await serve(t, () => {
    handled++;
    return { status: 200, headers: [], body: 'ok' };
  });
  const bad = [
    `POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked${END}0\r\n\r\n`,
    `POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2${END}x`,
    `POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked${END}0\r\n\r\n`,
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    `GET / HTTP/1.1\r\nX: a\rb${END}`,
    `GET / HTTP/1.1\r\nX: a\0b${END}`,
    `GET / HTTP/1.1\r\nX : a${END}`,
    `GET / HTTP/1.1\r\nX: a\r\n folded${END}`,
    'GET / HTTP/1.1\nHost: a\n\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    `GET ftp://example.org/ HTTP/1.1${END}`,
    `GET * HTTP/1.1${END}`,
    'nonsense\r\n\r\n',
  ];
  for (const bytes of bad) t.equal(statusOf(await exchange(port, bytes)), 400, JSON.stringify(bytes));
  t.equal(handled, 0);
  t.equal(lines.length, bad.length);
  t.ok(lines.every(({ level, fields }) => level === 'warn' && fields.code === 'TSGI_ERR_MALFORMED'));
});

t.test('a head or a body that does not arrive in time is 408', async (t) => {
  const { port, lines } = await serve(
    t,
    async ({ body }) => {
      for await (const _ of body ?? []);
      return { status: 200, headers: [], body: 'ok' };
    },
    { limits: { headerTime: 100, bodyTime: 200 } },
  );
  t.equal(statusOf(await exchange(port, 'GET / HT')), 408);
  t.equal(statusOf(await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx')), 408);
  t.match(lines[0]?.message, /its head took more than 100 ms/);
  t.match(lines[1]?.message, /its body took more than 200 ms/);
});

t.test('connections over the limit are answered with 503 and closed; the others go on', async (t) => {
  const { port, lines } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }), {
    limits: { connections: 1 },
  });
  const first = net.connect(port, '127.0.0.1');
  await once(first, 'connect');
  const reply = await exchange(port, `GET / HTTP/1.1${END}`);
  t.equal(statusOf(reply), 503);
  t.equal(lines[0]?.fields.code, 'TSGI_ERR_CONNECTIONS');
  first.end(`GET / HTTP/1.1${END}`);
  t.match(String((await once(first, 'data'))[0]), /200 OK/);
  await once(first, 'close');
  t.equal(statusOf(await exchange(port, `GET / HTTP/1.1${END}`)), 200);
});

t.test('absolute targets and OPTIONS * are understood', async (t) => {
  const { port } = await serve(t, ({ target, host }) => ({ status: 200, headers: [], body: `${host} ${target}` }));
  t.match(await exchange(port, `GET http://example.org/a?b HTTP/1.1${END}`), /example\.org \/a\?b$/);
  t.match(await exchange(port, `GET http://example.org HTTP/1.1${END}`), /example\.org \/$/);
  t.match(await exchange(port, `GET http://example.org?x HTTP/1.1${END}`), /example\.org \/\?x$/);
  t.match(await exchange(port, `OPTIONS * HTTP/1.1${END}`), /a \*$/);
  t.equal(statusOf(await exchange(port, `GET http://a:b:c/ HTTP/1.1${END}`)), 400, 'no host');
});
