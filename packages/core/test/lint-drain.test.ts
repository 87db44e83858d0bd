// Section H: the end of a worker.

import t from 'tap';
import type { Body, Context, GatewayRequest, GatewayResponse } from '../src/index.ts';
import { chunks, ok, serve, untested, Worker } from './fixtures/linted.ts';

t.test('H4: stop comes once, after the start', async (t) => {
  const unstarted = new Worker(() => ok);
  await unstarted.end();
  t.same(unstarted.broken, ['H4 server']);
  const worker = await serve(() => ok);
  await worker.end();
  t.same(worker.broken, []);
  await worker.end();
  t.same(worker.broken, ['H6 server']);
});

t.test('H4: stop comes after the last response, or after its client was cut off', async (t) => {
  const gate = Promise.withResolvers<GatewayResponse>();
  const client = new AbortController();
  const worker = await serve(() => gate.promise);
  const waiting = worker.ask({ signal: client.signal });
  const cut = worker.ask({ signal: AbortSignal.abort() });
  const unknown = worker.ask({ signal: undefined as unknown as AbortSignal });
  await worker.end();
  t.match(worker.breaks, [
    { rule: 'H4', problem: 'before handle had resolved for request "id-1"' },
    { rule: 'H4', problem: 'before handle had resolved for request "id-3"' },
  ]);
  t.equal(worker.breaks.length, 2);
  gate.resolve(ok);
  await Promise.all([waiting, cut, unknown]);
});

t.test('H5: a worker that has served drains before it stops', async (t) => {
  const worker = await serve(() => ok);
  await worker.ask();
  await worker.application.stop?.();
  t.same(worker.broken, ['H5 server']);

  const idle = await serve(() => ok);
  await idle.application.stop?.();
  t.same(idle.broken, []);
});

t.test('H6: nothing is called after stop', async (t) => {
  const worker = await serve(() => ({ ...ok, body: chunks('a') }));
  const { body } = (await worker.ask()) as GatewayResponse;
  await worker.end();
  t.same(worker.broken, ['E12 server']);
  await (body as Body)[Symbol.asyncIterator]().next();
  await worker.ask();
  await worker.start();
  t.same(worker.broken, ['E12 server', 'H6 server', 'H6 server', 'H6 server']);
});

t.test('H7: the application leaves its context alone after stop', async (t) => {
  let kept: { request: GatewayRequest; context: Context } | undefined;
  const worker = await serve({
    handle: (request, context) => {
      kept = { request, context };
      return ok;
    },
    stop: async () => {
      kept?.context.setReady(false);
      kept?.context.waitUntil(Promise.resolve());
    },
  });
  await worker.ask();
  await worker.end();
  t.same(worker.broken, []);
  kept?.context.log.info({}, 'still allowed');
  kept?.context.setReady(true);
  kept?.context.waitUntil(Promise.resolve());
  t.same(worker.broken, ['H7 application', 'H7 application']);
});

t.test('what is found too late is logged, and throws at nobody', async (t) => {
  let kept: Context | undefined;
  const worker = await serve(
    (_request, context) => {
      kept = context;
      return ok;
    },
    { strict: true },
  );
  await worker.ask();
  await worker.application.stop?.();
  kept?.setReady(true);
  t.match(worker.errors, [{ fields: { rule: 'H5' } }, { fields: { rule: 'H7', side: 'application' } }]);
  t.throws(() => worker.application.stop?.(), { message: /H6/ });
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('H'), []);
  t.end();
});
