// Section B: the request that a server gives.

import t from 'tap';
import type { GatewayRequest, HeaderFields } from '../src/index.ts';
import { breaksOf, ok, serve, untested, Worker } from './fixtures/linted.ts';
import { request } from './fixtures/request.ts';

const ip = (address: string, port = 1): GatewayRequest['client'] => ({ kind: 'ip', address, port });
const any = (value: unknown): never => value as never;

type Cases = readonly Partial<GatewayRequest>[];

/** By rule: what a right request has, and what breaks that rule and no other. */
const cases: Record<string, { right: Cases; wrong: Cases }> = {
  B2: {
    right: [{ method: 'get' }, { method: 'M-SEARCH' }],
    wrong: [{ method: '' }, { method: 'GE T' }, { method: any(undefined) }, { method: 'CONNECT' }],
  },
  B3: {
    right: [{ target: '/a//b/../%2F?q=[1]|2' }, { target: '/caf\xc3\xa9' }, { method: 'OPTIONS', target: '*' }],
    wrong: [
      { target: '' },
      { target: 'a' },
      { target: '*' },
      { target: 'http://example.org/' },
      { target: '/a b' },
      { target: '/a\n' },
      { target: '/\u20ac' },
      { target: any(1) },
    ],
  },
  B5: {
    right: [{ mountPath: '/shop' }, { mountPath: '/shop/admin' }],
    wrong: [
      { mountPath: '/' },
      { mountPath: 'shop' },
      { mountPath: '/shop/' },
      { mountPath: '/s?q' },
      { mountPath: any(null) },
    ],
  },
  B6: { right: [{ httpVersion: '1.0' }, { httpVersion: '2.0' }], wrong: [{ httpVersion: any('HTTP/1.1') }] },
  B7: { right: [{ scheme: 'https' }], wrong: [{ scheme: any('wss') }, { scheme: any('HTTP') }] },
  B8: {
    right: [
      { host: '' },
      { host: 'example.org:8000' },
      { host: '[::1]:80' },
      { host: '127.0.0.1' },
      { host: 'EXAMPLE.org:' },
    ],
    wrong: [{ host: 'user@example.org' }, { host: 'a b' }, { host: 'a/b' }, { host: 'a:b' }, { host: any(undefined) }],
  },
  B9: {
    right: [{ headers: [] }, { headers: ['a', '1', 'a', '2'] }],
    wrong: [
      { headers: ['a'] },
      { headers: any(['a', 1]) },
      { headers: any([['a', '1']]) },
      { headers: any({ a: '1' }) },
    ],
  },
  B10: {
    right: [{ headers: ['x-a_b', ''] }],
    wrong: [{ headers: ['Host', 'a'] }, { headers: ['a b', ''] }, { headers: ['', 'x'] }],
  },
  B11: {
    right: [{ headers: ['a', 'b\tc \xe9'] }],
    wrong: [{ headers: ['a', 'b\r\nc: d'] }, { headers: ['a', '\0'] }, { headers: ['a', '\u20ac'] }],
  },
  B12: {
    right: [{ headers: ['content-length', '0'] }],
    wrong: [
      { headers: ['content-length', '0', 'content-length', '0'] },
      { headers: ['content-length', '-0'] },
      { headers: ['content-length', ''] },
    ],
  },
  B16: {
    right: [
      { client: ip('0.0.0.0', 0) },
      { client: ip('255.249.199.9', 65535) },
      { peer: ip('::ffff:127.0.0.1') },
      { peer: ip('fe80::1%eth0.1') },
    ],
    wrong: [
      { client: any(undefined) },
      { client: any('127.0.0.1') },
      { peer: any({ kind: 'pipe' }) },
      { client: ip('example.org') },
      { client: ip('256.0.0.1') },
      { client: ip('1.2.3') },
      { client: ip('1::2::3') },
      { client: ip(any(undefined)) },
      { peer: ip('127.0.0.1', -1) },
      { peer: ip('127.0.0.1', 65536) },
      { peer: ip('127.0.0.1', any('80')) },
    ],
  },
  B18: {
    right: [{ id: '!' }, { id: 'x'.repeat(200) }],
    wrong: [{ id: '' }, { id: 'x'.repeat(201) }, { id: 'a b' }, { id: 'a\n' }, { id: '\xe9' }, { id: any(undefined) }],
  },
};

for (const [rule, { right, wrong }] of Object.entries(cases)) {
  t.test(`${rule}: what a request may be, and what it may not`, async (t) => {
    for (const changes of right) t.same(await breaksOf(() => ok, changes), [], JSON.stringify(changes));
    for (const changes of wrong) t.same(await breaksOf(() => ok, changes), [`${rule} server`], JSON.stringify(changes));
  });
}

t.test('B12: a transfer coding is chunked alone, and the only framing', async (t) => {
  const framed = (...headers: string[]): Promise<string[]> =>
    breaksOf(() => ok, { method: 'POST', headers, body: (async function* () {})() });
  t.same(await framed('transfer-encoding', 'Chunked'), []);
  t.same(await framed('transfer-encoding', 'gzip, chunked'), ['B12 server']);
  t.same(await framed('transfer-encoding', 'chunked', 'transfer-encoding', 'chunked'), ['B12 server']);
  t.same(await framed('transfer-encoding', 'chunked', 'content-length', '0'), ['B12 server']);
});

t.test('B14: the application leaves the header list alone', async (t) => {
  const changing = (change: (headers: string[]) => void): Promise<string[]> =>
    breaksOf(
      (request) => {
        change(request.headers as string[]);
        return ok;
      },
      { headers: ['host', 'example.org'] },
    );
  t.same(await changing((headers) => headers.slice(1)), []);
  t.same(await changing((headers) => headers.push('x-user', 'me')), ['B14 application']);
  t.same(await changing((headers) => headers.splice(1, 1, 'other.org')), ['B14 application']);
});

t.test('B15: fields is a look-up by lower-case name, and belongs to the handler', async (t) => {
  const look = (fields: unknown): Promise<string[]> =>
    breaksOf(
      (request) => {
        request.fields.host = 'mine';
        request.fields['X-Mine'] = 'too';
        t.equal(request.fields.host, 'mine');
        return ok;
      },
      { fields: fields as HeaderFields },
    );
  t.same(await look({ host: 'a', 'set-cookie': ['a=1', 'b=2'], gone: undefined }), []);
  t.same(await look({ Host: 'a' }), ['B15 server']);
  t.same(await look({ 'set-cookie': 'a=1' }), ['B15 server']);
  t.same(await look({ accept: ['a', 'b'] }), ['B15 server']);

  const worker = await serve((request) => {
    void request.fields;
    return ok;
  });
  await worker.ask({ fields: null as unknown as HeaderFields });
  t.same(worker.broken, ['B15 server']);
});

t.test('B19: an id is one request in flight, unless a proxy chose it', async (t) => {
  const gate = Promise.withResolvers<typeof ok>();
  const worker = await serve(() => gate.promise);
  const headers = ['x-request-id', 'proxied'];
  const answers = [
    worker.ask({ id: 'a' }),
    worker.ask({ id: 'b' }),
    worker.ask({ id: 'proxied', headers }),
    worker.ask({ id: 'proxied', headers }),
  ];
  t.same(worker.broken, []);
  answers.push(worker.ask({ id: 'a', headers }));
  t.same(worker.broken, ['B19 server']);
  gate.resolve(ok);
  await Promise.all(answers);
  await worker.ask({ id: 'a' });
  t.same(worker.broken, ['B19 server']);
});

t.test('B20: signal is an AbortSignal that is made only when somebody asks', async (t) => {
  let made = 0;
  const given = request();
  Object.defineProperty(given, 'signal', {
    get() {
      made++;
      return AbortSignal.timeout(0);
    },
  });
  const ignores = await serve(() => ok);
  await ignores.handle(given);
  await ignores.end();
  t.equal(made, 0);
  t.same(ignores.broken, []);

  const asks = (signal: unknown): Promise<string[]> =>
    breaksOf(({ signal }) => (signal ? ok : ok), { signal: signal as AbortSignal });
  t.same(await asks(new AbortController().signal), []);
  t.same(await asks({ aborted: false }), ['B20 server']);
});

t.test('B21: a property is the same every time', async (t) => {
  const fresh = (name: keyof GatewayRequest, make: () => unknown): GatewayRequest => {
    const given = request();
    Object.defineProperty(given, name, { get: make });
    return given;
  };
  const everything = async (given: GatewayRequest): Promise<string[]> => {
    const worker = new Worker((seen) => {
      for (let i = 0; i < 2; i++) {
        for (const name of Object.keys(given) as (keyof GatewayRequest)[]) void seen[name];
      }
      return ok;
    });
    await worker.start();
    await worker.handle(given);
    return [...new Set(worker.broken)];
  };
  t.same(await everything(request()), []);
  t.same(await everything(fresh('signal', () => new AbortController().signal)), ['B21 server']);
  t.same(await everything(fresh('headers', () => ['host', 'example.org'])), ['B21 server']);
  t.same(await everything(fresh('client', () => ({ kind: 'unix' }))), ['B21 server']);
  t.same(await everything(fresh('trailers', () => [])), []);
});

t.test('a break on the side of the server is thrown before the application is called', async (t) => {
  let called = false;
  const worker = await serve(
    () => {
      called = true;
      return ok;
    },
    { strict: true },
  );
  t.throws(() => worker.ask({ method: 'CONNECT' }), { code: 'TSGI_ERR_LINT', message: /B2/ });
  t.equal(called, false);
  t.throws(() => worker.ask({ headers: ['authorization', 'secret\n'] }), { message: /^(?!.*secret)/ });
  t.equal(await worker.ask(), ok);
});

t.test('a long value is cut in the report', async (t) => {
  const worker = await serve(() => ok);
  await worker.ask({ target: 'x'.repeat(1000) });
  t.equal(worker.breaks[0]?.problem, `request.target is "${'x'.repeat(80)}...", neither a path nor *`);
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('B'), []);
  t.end();
});
