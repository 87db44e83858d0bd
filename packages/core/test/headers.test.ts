// Header lists: look-ups, conversions, and the syntax of a field.

import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import {
  header,
  headerEntries,
  headerFields,
  headerList,
  headerValues,
  isFieldValue,
  isHopByHop,
  isName,
  isToken,
} from '../src/headers.ts';

const list = ['Content-Type', 'text/html', 'Set-Cookie', 'a=1', 'x-empty', '', 'set-cookie', 'b=2'];

t.test('a look-up ignores case and gives the first value', async (t) => {
  t.equal(header(list, 'content-type'), 'text/html');
  t.equal(header(list, 'set-cookie'), 'a=1');
  t.equal(header(list, 'x-empty'), '');
  t.equal(header(list, 'location'), undefined);
  t.equal(header([], 'location'), undefined);
});

t.test('a look-up finds names, not values', async (t) => {
  t.equal(header(['x-kind', 'location', 'y', 'z'], 'location'), undefined);
});

t.test('all values of a name come in order', async (t) => {
  t.same(headerValues(list, 'set-cookie'), ['a=1', 'b=2']);
  t.same(headerValues(list, 'location'), []);
});

t.test('a list gives its pairs, for a loop or for Headers', async (t) => {
  t.same(
    [...headerEntries(['a', '1', 'A', '2'])],
    [
      ['a', '1'],
      ['A', '2'],
    ],
  );
  t.same(new Headers([...headerEntries(list)]).getSetCookie(), ['a=1', 'b=2']);
});

t.test('a list is made from an object, where an array is one field an element', async (t) => {
  t.same(headerList({ 'Content-Type': 'text/html', 'Set-Cookie': ['a=1', 'b=2'], Vary: [] }), [
    'Content-Type',
    'text/html',
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
  ]);
});

t.test('a list is made from pairs, such as Headers are', async (t) => {
  t.same(
    headerList([
      ['A', '1'],
      ['a', '2'],
    ]),
    ['A', '1', 'a', '2'],
  );
  const headers = new Headers({ 'X-One': '1' });
  headers.append('set-cookie', 'a=1');
  headers.append('set-cookie', 'b=2');
  t.same(headerList(headers), ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-one', '1']);
});

t.test('a field is hop-by-hop in any case, and nothing else is', async (t) => {
  for (const name of ['Connection', 'keep-alive', 'Proxy-Connection', 'TE', 'transfer-encoding', 'UPGRADE']) {
    t.ok(isHopByHop(name), name);
  }
  const others = ['et', 'Referer', 'Set-Cookie', 'User-Agent', 'content-encoding!', 'www-authenticate', 'trailer', ''];
  for (const name of others) t.notOk(isHopByHop(name), name);
});

t.test('names are compared without regard to case', async (t) => {
  t.ok(isName('ETag', 'etag'));
  t.ok(isName('etag', 'etag'));
  t.notOk(isName('ETags', 'etag'));
  t.notOk(isName('gate', 'etag'));
});

t.test('a token has the characters of RFC 9110 section 5.6.2, and at least one', async (t) => {
  const allowed = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  t.ok(isToken(allowed));
  t.notOk(isToken(''));
  t.notOk(isToken('a\n'));
  for (let code = 0; code < 0x120; code++) {
    const character = String.fromCharCode(code);
    if (isToken(character) !== allowed.includes(character)) t.fail(`U+${code.toString(16)}`);
  }
});

t.test('a value has no control character but the tab, and nothing that one byte cannot carry', async (t) => {
  t.ok(isFieldValue(''));
  t.ok(isFieldValue('W/"x", \ttext \xe4\xff'));
  for (const value of ['a\r', 'a\n', '\0', 'a\r\nset-cookie: b', '\x7f', '\x1b', 'ā', '😀']) {
    t.notOk(isFieldValue(value), JSON.stringify(value));
  }
});

t.test('fields join duplicates exactly as node:http does', async (t) => {
  const names = [
    ...['accept', 'age', 'authorization', 'cookie', 'content-type', 'date', 'etag', 'expires', 'from', 'host'],
    ...['if-match', 'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'origin'],
    ...['proxy-authorization', 'referer', 'retry-after', 'server', 'set-cookie', 'upgrade-insecure-requests'],
    ...['user-agent', 'vary', 'via', 'x-forwarded-for', 'x-one', 'constructor', 'te'],
  ];
  const sent = names.flatMap((name) => [name, `1 ${name}`, name, `2 ${name}`]).concat('x-one', '3', 'x-once', '1');

  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  const arrived = Promise.withResolvers<{ headers: IncomingHttpHeaders; rawHeaders: string[] }>();
  server.on('request', ({ headers, rawHeaders }, response) => {
    arrived.resolve({ headers, rawHeaders });
    response.end();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const outgoing = httpRequest({ host: '127.0.0.1', port, headers: sent, agent: false }, (incoming) =>
    incoming.resume(),
  );
  outgoing.end();

  const { headers, rawHeaders } = await arrived.promise;
  t.ok(rawHeaders.length >= sent.length, 'all duplicates came in');
  t.strictSame(headerFields(rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text))), { ...headers });
});

t.test('a single field of a name is its value; set-cookie is an array all the same', async (t) => {
  t.same(headerFields(['accept', 'a/b', 'set-cookie', 'c=d']), { accept: 'a/b', 'set-cookie': ['c=d'] });
  t.same(headerFields([]), {});
});
