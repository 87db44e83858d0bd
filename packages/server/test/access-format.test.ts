import type { GatewayRequest } from '@tsgi/core';
import t from 'tap';
import { accessFormat } from '../src/logs/access-format.ts';

const entry = (changes: object = {}) => ({
  request: {
    method: 'GET',
    target: '/a?b=1',
    mountPath: '',
    httpVersion: '1.1',
    scheme: 'http',
    host: 'example.org',
    id: 'id-1',
    client: { kind: 'ip', address: '192.0.2.1', port: 1 },
    peer: { kind: 'unix' },
    headers: ['user-agent', 'curl/8', 'referer', 'http://r.example/'],
    ...changes,
  } as unknown as GatewayRequest,
  ended: { status: 200, headers: ['Content-Type', 'text/plain'], bytes: 12, received: 0, ms: 3.4567 },
  worker: 2,
  count: 7,
  at: new Date(Date.UTC(2026, 10, 1, 7, 5, 9)),
});

t.test('common and combined are the lines that log analysers read', async (t) => {
  t.equal(accessFormat('common')(entry()), '192.0.2.1 - - [01/Nov/2026:07:05:09 +0000] "GET /a?b=1 HTTP/1.1" 200 12');
  t.match(accessFormat('combined')(entry()), /" 200 12 "http:\/\/r\.example\/" "curl\/8"$/);
  t.match(accessFormat('combined')(entry({ headers: [] })), /"-" "-"$/);
});

t.test('uwsgi is the documented line, with true numbers', async (t) => {
  t.equal(
    accessFormat('uwsgi')(entry()),
    `[pid: ${process.pid}|app: 0|req: 7/7] 192.0.2.1 () {2 vars in 40 bytes} [Sun Nov  1 07:05:09 2026] GET /a?b=1 => ` +
      'generated 12 bytes in 3 msecs (HTTP/1.1 200) 1 headers in 22 bytes (1 switches on core 0)',
  );
});

t.test('json is one object a line', async (t) => {
  t.match(JSON.parse(accessFormat('json')(entry())), {
    target: '/a?b=1',
    status: 200,
    ms: 3.457,
    id: 'id-1',
    worker: 2,
  });
});

t.test('a format string takes named fields and header fields', async (t) => {
  const line = accessFormat(
    '{client} {peer} {method} {target} {status} {bytes} {ms} {request.user-agent} {response.content-type} {request.x}',
  );
  t.equal(line(entry()), '192.0.2.1 unix: GET /a?b=1 200 12 3.457 curl/8 text/plain -');
  t.throws(() => accessFormat('{nothing}'), { message: /unknown field \{nothing\}/, todo: /client, peer/, exit: 2 });
  t.throws(() => accessFormat('constructor'), { message: /has no field/ });
  t.throws(() => accessFormat('no field'), { message: /has no field/, todo: /combined/ });
});

t.test('what a client sends cannot break a line or its quotes', async (t) => {
  const line = accessFormat('combined')(entry({ target: '/\n"x\\', headers: ['user-agent', 'a"\u0000\u007f\u0085b'] }));
  t.match(line, '"GET /\\x0A\\x22x\\x5C HTTP/1.1"');
  t.match(line, '"a\\x22\\x00\\x7F\\x85b"');
  t.notMatch(accessFormat('uwsgi')(entry({ target: '/\r\nx' })), /[\r\n]/);
});
