// Which applications fromFetch takes, and what it passes to them.

import { type FetchEnv, type FetchExecution, fromFetch } from '@tsgi/bridge-fetch';
import { type Application, createContext, type GatewayResponse } from '@tsgi/core';
import { Hono } from 'hono';
import { AutoRouter, type IRequest, Router } from 'itty-router';
import { t } from 'tap';
import { gatewayRequest } from './fixtures/gateway-request.ts';
import { serve } from './fixtures/serve.ts';

const { context } = createContext();

async function text(application: Application, target: string): Promise<string> {
  const { status, body } = (await application.handle(gatewayRequest({ target }), context)) as GatewayResponse;
  return `${status} ${new TextDecoder().decode(body as Uint8Array)}`;
}

t.test('functions, objects with fetch, Hono and itty-router are applications', async (t) => {
  t.equal(
    await text(
      fromFetch(() => new Response('plain')),
      '/',
    ),
    '200 plain',
  );
  t.equal(
    await text(
      fromFetch(async (request) => new Response(new URL(request.url).pathname)),
      '/a',
    ),
    '200 /a',
  );

  class Shop {
    #name = 'shop';
    fetch(): Response {
      return new Response(this.#name);
    }
  }
  t.equal(await text(fromFetch(new Shop()), '/'), '200 shop', 'fetch is called as a method');

  const hono = new Hono().get('/hello/:name', (c) => c.text(`Hello ${c.req.param('name')}?${c.req.query('q')}`));
  t.equal(await text(fromFetch(hono), '/hello/World?q=1'), '200 Hello World?1');
  t.equal(await text(fromFetch(hono.fetch), '/hello/World?q=1'), '200 Hello World?1');
  t.equal(await text(fromFetch(hono), '/none'), '404 404 Not Found');

  const auto = AutoRouter().get('/hello/:name', ({ params, query }: IRequest) => [params.name, query.q]);
  t.equal(await text(fromFetch(auto), '/hello/World?q=1'), '200 ["World","1"]');
  const router = Router().get('/', () => new Response('root'));
  t.equal(await text(fromFetch(router), '/'), '200 root');
  await t.rejects(text(fromFetch(router), '/none'), { code: 'TSGI_ERR_RESPONSE', message: /returned undefined/ });
});

t.test('anything else is refused at once', (t) => {
  for (const value of [undefined, null, {}, { fetch: 1 }, 'app']) {
    t.throws(() => fromFetch(value as never), { name: 'TypeError', message: /fromFetch takes a function/ });
  }
  t.end();
});

t.test(
  'the second argument has the request as the gateway has it, and the context; for Hono it is c.env',
  async (t) => {
    const hono = new Hono<{ Bindings: FetchEnv }>().get('/', (c) => {
      const { gateway, context } = c.env;
      return c.json({ client: gateway.client, id: gateway.id, target: gateway.target, name: context.name });
    });
    t.equal(
      await text(fromFetch(hono), '/?a'),
      '200 {"client":{"kind":"ip","address":"192.0.2.1","port":50000},"id":"id-1","target":"/?a","name":"tsgi"}',
    );
  },
);

t.test('waitUntil is the context’s: a drain waits for it', async (t) => {
  const control = createContext();
  let finish = (): void => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const hono = new Hono().get('/', (c) => {
    c.executionCtx.waitUntil(work);
    c.executionCtx.passThroughOnException();
    return c.text('ok');
  });
  await fromFetch(hono).handle(gatewayRequest(), control.context);
  let settled = false;
  const drained = control.settled().then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(settled, false);
  finish();
  await drained;
});

t.test('one application can be served in two contexts', async (t) => {
  const seen: [FetchEnv, FetchExecution][] = [];
  const application = fromFetch((_request, env, execution) => {
    seen.push([env, execution]);
    return new Response();
  });
  const others = [context, createContext().context, context];
  for (const context of others) await application.handle(gatewayRequest(), context);
  t.same(
    seen.map(([env]) => env.context === context),
    [true, false, true],
  );
  t.not(seen[0]?.[1], seen[1]?.[1]);
});

t.test('a throw is left to the adapter: 500 without detail, one entry of the log', async (t) => {
  for (const fail of [
    () => {
      throw new Error('secret');
    },
    () => Promise.reject(new Error('secret')),
  ]) {
    const { url, errors } = await serve(t, fromFetch(fail));
    const response = await fetch(url);
    t.equal(response.status, 500);
    t.notMatch(await response.text(), /secret/);
    t.equal(errors.length, 1);
    t.match(errors[0]?.fields.err, { message: 'secret' });
  }
});

t.test('start runs before the first request, stop after the last', async (t) => {
  const calls: unknown[] = [];
  const application = fromFetch(() => new Response('ok'), {
    start: async (context) => void calls.push(context),
    stop: () => void calls.push('stop'),
  });
  await application.start?.(context);
  await application.stop?.();
  t.equal(calls[0], context);
  t.equal(calls[1], 'stop');
});
