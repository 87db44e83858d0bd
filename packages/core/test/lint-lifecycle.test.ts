// Section A: the start of a worker, the calls of its application, and its context.

import t from 'tap';
import {
  type Application,
  type Break,
  type Context,
  createContext,
  type GatewayRequest,
  lint,
  TsgiError,
} from '../src/index.ts';
import { ok, serve, untested, Worker } from './fixtures/linted.ts';
import { request } from './fixtures/request.ts';

t.test('a worker that does everything right is not reported', async (t) => {
  const calls: string[] = [];
  const worker = await serve({
    start: (context) => {
      calls.push(`start of ${context.name} ${context.worker} ${context.generation}`);
      context.setReady(false, 'warming up');
      context.waitUntil(Promise.resolve());
      context.setReady(true);
    },
    handle: () => ok,
    stop: async () => {
      calls.push('stop');
    },
  });
  t.equal(worker.control.ready, true);
  t.equal(await worker.ask(), ok);
  await worker.end();
  t.same(worker.broken, []);
  t.same(calls, ['start of tsgi 0 1', 'stop']);
});

t.test('what comes at once comes at once through lint, and a promise as a promise', async (t) => {
  const application = lint({ handle: () => ok });
  const { context } = createContext();
  t.equal(application.start?.(context), undefined);
  t.equal(application.handle(request(), context), ok);
  t.equal(application.stop?.(), undefined);

  const later = lint({ start: async () => {}, handle: async () => ok, stop: async () => {} });
  const starting = later.start?.(context);
  t.ok(starting instanceof Promise);
  await starting;
  t.ok(later.handle(request(), context) instanceof Promise);
});

t.test('errors of the application pass unchanged', async (t) => {
  const error = new Error('its own');
  const rejects = await serve(() => Promise.reject(error));
  await t.rejects(Promise.resolve(rejects.ask()), error);
  const throws = await serve(() => {
    throw error;
  });
  t.throws(() => throws.ask(), error);
  const stops = await serve({ handle: () => ok, stop: () => Promise.reject(error) });
  await t.rejects(stops.end(), error);
  t.same([...rejects.broken, ...throws.broken, ...stops.broken], []);
});

t.test('a break is an error of the table that carries the rule, the side and the problem', async (t) => {
  const worker = await serve(() => ({ ...ok, status: 99 }), { strict: true });
  try {
    worker.ask();
    t.fail('nothing was thrown');
  } catch (error) {
    t.ok(error instanceof TsgiError);
    t.match(error, { code: 'TSGI_ERR_LINT', message: 'rule D6 is broken: response.status is 99' });
    t.same((error as Error).cause, { rule: 'D6', side: 'application', problem: 'response.status is 99' });
  }
});

t.test('A1: what is not an application is refused where lint is called', (t) => {
  for (const wrong of [null, 'app', {}, { handle: 1 }, { handle() {}, start: 1 }, { handle() {}, stop: {} }]) {
    t.throws(() => lint(wrong as unknown as Application), { message: /rule A1 is broken: the application/ });
  }
  t.same(new Worker({ handle: undefined } as unknown as Application).broken, ['A1 application']);
  t.doesNotThrow(() => lint({ handle: () => ok }));
  t.end();
});

t.test('A2: start comes once, and has returned before the first request', async (t) => {
  const without = new Worker(() => ok);
  t.equal(await without.ask(), ok);
  t.same(without.broken, ['A2 server']);

  const twice = await serve(() => ok);
  await twice.start();
  t.same(twice.broken, ['A2 server']);

  const started = Promise.withResolvers<void>();
  const early = new Worker({ start: () => started.promise, handle: () => ok });
  const starting = early.start();
  await early.ask();
  t.same(early.broken, ['A2 server']);
  started.resolve();
  await starting;
  await early.ask();
  t.same(early.broken, ['A2 server']);
});

t.test('A3: after a start that failed there is neither a request nor a stop', async (t) => {
  const worker = new Worker({ start: () => Promise.reject(new Error('no database')), handle: () => ok });
  await t.rejects(worker.start(), { message: 'no database' });
  t.same(worker.broken, []);
  await worker.ask();
  t.same(worker.broken, ['A3 server']);
  await worker.end();
  t.same(worker.broken.filter((broken) => broken === 'A3 server').length, 2);
});

t.test('A5: calls are methods with their arguments', async (t) => {
  const worker = await serve(() => ok);
  const { handle, stop } = worker.application;
  handle.call(undefined, request(), worker.control.context);
  t.same(worker.broken, ['A5 server']);
  worker.handle(undefined as unknown as GatewayRequest);
  t.same(worker.broken, ['A5 server', 'A5 server']);
  worker.control.drain();
  stop?.call({ ...worker.application });
  t.same(worker.broken, ['A5 server', 'A5 server', 'A5 server']);
});

t.test('A6: the context is whole, and one for the life of the worker', async (t) => {
  const { context } = createContext();
  const wrong: [string, unknown][] = [
    ['name', 1],
    ['worker', -1],
    ['worker', 1.5],
    ['generation', 0],
    ['log', null],
    ['log', { ...context.log, warn: 'no' }],
    ['draining', false],
    ['waitUntil', undefined],
    ['setReady', undefined],
  ];
  for (const [name, value] of wrong) {
    const breaks: Break[] = [];
    lint({ handle: () => ok }, { onBreak: (broken) => breaks.push(broken) }).start?.({ ...context, [name]: value });
    t.match(breaks, [{ rule: 'A6', side: 'server', problem: `context.${name}` }], `${name}: ${String(value)}`);
  }
  t.throws(() => lint({ handle: () => ok }).start?.(null as unknown as Context), { message: /A6 .* context is null/ });

  const worker = await serve(() => ok);
  worker.application.handle(request(), createContext().context);
  t.same(worker.broken, ['A6 server']);
});

t.test('A6: a start that was given a wrong context counts as failed', (t) => {
  const application = lint({ handle: () => ok });
  const { context } = createContext();
  t.throws(() => application.start?.(null as unknown as Context), { message: /A6/ });
  t.throws(() => application.handle(request(), context), { message: /A3/ });
  t.end();
});

t.test('the application meets one context too, in start and in every request', async (t) => {
  const met = new Set<Context>();
  const worker = await serve({
    start: (context) => void met.add(context),
    handle: (_request, context) => {
      met.add(context);
      return ok;
    },
  });
  await worker.ask();
  await worker.ask();
  t.equal(met.size, 1);
  t.equal([...met][0]?.draining, worker.control.context.draining);
});

t.test('A7 and A8: what the application tells its context', async (t) => {
  const worker = await serve((_request, context) => {
    context.waitUntil('work' as unknown as Promise<void>);
    context.setReady('yes' as unknown as boolean);
    context.setReady(true, 1 as unknown as string);
    return ok;
  });
  await worker.ask();
  t.same(worker.broken, ['A7 application', 'A8 application', 'A8 application']);
});

t.test('every rule of the section that lint checks is tested here', (t) => {
  t.same(untested('A'), []);
  t.end();
});
