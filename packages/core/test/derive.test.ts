// Requests and responses with some of their properties changed.

import t from 'tap';
import { derive, deriveResponse, type RequestChanges } from '../src/derive.ts';
import type { GatewayRequest, HeaderList, Upgrade } from '../src/interface.ts';
import { request } from './fixtures/request.ts';

const upgrade: Upgrade = {
  protocol: 'websocket',
  head: new Uint8Array(),
  take: () => t.fail('nobody takes it') as never,
};
async function* bytes() {
  yield new Uint8Array(1);
}

t.test('without changes every property is the original one', async (t) => {
  const original = request({ body: bytes(), upgrade, trailers: ['a', 'b'] });
  const derived = derive(original, {});
  for (const name of Object.keys(original) as (keyof GatewayRequest)[]) {
    if (name !== 'inform') t.equal(derived[name], original[name], name);
  }
});

t.test('what is changed is changed, the original is not', async (t) => {
  const original = request({ body: bytes(), upgrade });
  const changes = {
    target: '/x',
    mountPath: '/shop',
    id: 'other',
    headers: ['cookie', 'a=1', 'cookie', 'b=2'],
    signal: AbortSignal.abort(),
    body: null,
    upgrade: null,
  } satisfies RequestChanges;
  const derived = derive(original, changes);
  for (const name of Object.keys(changes) as (keyof RequestChanges)[]) {
    t.equal(derived[name], changes[name], name);
    t.not(original[name], changes[name], `${name} of the original`);
  }
});

t.test('the look-up of fields follows changed headers, and is made once', async (t) => {
  const derived = derive(request(), { headers: ['cookie', 'a=1', 'cookie', 'b=2'] });
  t.same({ ...derived.fields }, { cookie: 'a=1; b=2' });
  t.equal(derived.fields, derived.fields);
});

t.test('nothing is asked of the original before it is asked of the derived one', async (t) => {
  const asked: PropertyKey[] = [];
  const original = new Proxy(request(), {
    get(target, name, receiver) {
      asked.push(name);
      return Reflect.get(target, name, receiver);
    },
  });
  const derived = derive(derive(original, { target: '/a' }), { mountPath: '/b' });
  t.same(asked, []);
  t.same([derived.target, derived.mountPath, derived.method], ['/a', '/b', 'GET']);
  t.same(asked, ['method']);
});

t.test('informational responses go out through the original', async (t) => {
  const informed: unknown[] = [];
  const original = request({ inform: (status, headers) => informed.push([status, headers]) });
  derive(original, {}).inform(103, ['link', '</style.css>; rel=preload']);
  t.same(informed, [[103, ['link', '</style.css>; rel=preload']]]);
});

t.test('a derived response has the changes, and leaves the original as it was', async (t) => {
  const original = Object.freeze({ status: 200, headers: Object.freeze(['a', 'b']), body: 'text' });
  t.same(deriveResponse(original, {}), original);
  t.same(deriveResponse(original, { status: 404, headers: [], body: null }), { status: 404, headers: [], body: null });
  t.notOk('trailers' in deriveResponse(original, {}), 'no trailers where there were none');
});

t.test('trailers are computed when the adapter reads them, after the body', async (t) => {
  let sum = 0;
  const original = {
    status: 200,
    headers: [],
    body: bytes(),
    get trailers(): HeaderList {
      return ['x-sum', String(sum)];
    },
  };
  const derived = deriveResponse(original, { status: 201 });
  sum = 7;
  t.same(derived.trailers, ['x-sum', '7']);
});
