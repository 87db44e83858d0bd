// Section D: informational responses, and the head of the final one.

import t from 'tap';
import type { GatewayRequest, GatewayResponse, HeaderList, Outcome } from '../src/index.ts';
import { breaksOf, chunks, ok, serve, untested } from './fixtures/linted.ts';

const any = (value: unknown): never => value as never;

type Cases = readonly Partial<GatewayResponse>[];

/** By rule: what a right response has, and what breaks that rule and no other. */
const cases: Record<string, { right: Cases; wrong: Cases }> = {
  D6: {
    right: [{ status: 200 }, { status: 404 }, { status: 599 }],
    wrong: [{ status: 199 }, { status: 600 }, { status: 200.5 }, { status: any('200') }, { status: any(undefined) }],
  },
  D7: {
    right: [{ headers: ['Set-Cookie', 'a=1', 'set-cookie', 'b=2'] }],
    wrong: [
      { headers: any(undefined) },
      { headers: any({ a: '1' }) },
      { headers: ['a'] },
      { headers: any(['content-length', 2]) },
    ],
  },
  D8: { right: [{ headers: ['X-A', ''] }], wrong: [{ headers: ['x a', ''] }, { headers: ['x:', ''] }] },
  D9: {
    right: [{ headers: ['a', '\xe9'] }],
    wrong: [{ headers: ['a', 'b\r\nset-cookie: c'] }, { headers: ['a', 'b\nc'] }, { headers: ['a', '\u20ac'] }],
  },
  D10: {
    right: [{ headers: ['trailer', 'x-sum', 'via', '1.1 a'] }],
    wrong: [
      { headers: ['Connection', 'close'] },
      { headers: ['transfer-encoding', 'chunked'] },
      { headers: ['Keep-Alive', 'timeout=5'] },
      { headers: ['upgrade', 'h2c'] },
      { headers: ['te', 'trailers'] },
      { headers: ['proxy-connection', 'close'] },
    ],
  },
  D12: {
    right: [{ headers: ['Content-Length', '2'] }],
    wrong: [
      { headers: ['content-length', '2', 'Content-Length', '2'] },
      { headers: ['content-length', '2.0'] },
      { headers: ['content-length', '-2'] },
    ],
  },
  D13: {
    right: [
      { status: 204, body: null },
      { headers: [], trailers: [] },
    ],
    wrong: [
      { status: 204, body: null, headers: ['content-length', '0'] },
      { headers: ['content-length', '2'], trailers: [] },
    ],
  },
};

for (const [rule, { right, wrong }] of Object.entries(cases)) {
  t.test(`${rule}: what a response may be, and what it may not`, async (t) => {
    for (const parts of right) t.same(await breaksOf(() => ({ ...ok, ...parts })), [], JSON.stringify(parts));
    for (const parts of wrong) {
      t.same(await breaksOf(() => ({ ...ok, ...parts })), [`${rule} application`], JSON.stringify(parts));
    }
  });
}

t.test('what needs no watching goes on as the very object that the application made', async (t) => {
  const worker = await serve(() => ok);
  t.equal(await worker.ask(), ok);
});

t.test('D1 and D2: what may be sent as an informational response', async (t) => {
  const sent: unknown[] = [];
  const inform = (status: number, headers: HeaderList): Promise<string[]> =>
    breaksOf(
      (request) => {
        request.inform(status as 103, headers);
        return ok;
      },
      { inform: (...given) => sent.push(given) },
    );
  t.same(await inform(103, ['Link', '</a.css>; rel=preload']), []);
  t.same(await inform(102, []), []);
  t.same(sent, [
    [103, ['Link', '</a.css>; rel=preload']],
    [102, []],
  ]);
  t.same(await inform(100, []), ['D1 application']);
  t.same(await inform(101, []), ['D1 application']);
  t.same(await inform(200, []), ['D1 application']);
  t.same(await inform(103, any(undefined)), ['D2 application']);
  t.same(await inform(103, ['a b', '']), ['D2 application']);
  t.same(await inform(103, ['a', '\n']), ['D2 application']);
  t.same(await inform(103, ['connection', 'close']), ['D2 application']);
  t.same(await inform(103, ['content-length', '0']), ['D2 application']);
});

t.test('D3: an informational response comes before the final one', async (t) => {
  let kept: GatewayRequest | undefined;
  const worker = await serve((request) => {
    kept = request;
    return ok;
  });
  await worker.ask();
  kept?.inform(103, []);
  t.same(worker.broken, ['D3 application']);
});

t.test('D5: handle gives a response', async (t) => {
  for (const outcome of [undefined, null, 'text', 200, Symbol('taken'), () => ok]) {
    const worker = await serve(() => outcome as unknown as Outcome);
    t.equal(await worker.ask(), outcome);
    await worker.end();
    t.same(worker.broken, ['D5 application'], String(outcome));
  }
});

t.test('a body behind a head that is refused is discarded', async (t) => {
  let closed = false;
  const body = Object.assign(chunks('a'), { destroy: () => (closed = true) });
  const worker = await serve(() => ({ ...ok, status: 0, body }), { strict: true });
  t.throws(() => worker.ask(), { message: /D6/ });
  t.equal(closed, true);

  const failing = {
    [Symbol.asyncIterator]: () => ({ next: any(null), return: () => Promise.reject(new Error('no')) }),
  };
  const other = await serve(() => ({ ...ok, status: 0, body: failing }), { strict: true });
  t.throws(() => other.ask(), { message: /D6/ });
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('D'), []);
  t.end();
});
