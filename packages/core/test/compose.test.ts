// Middleware: the order of a composition, start and stop through it, and responses changed on their way out.

import { runInNewContext } from 'node:vm';
import t from 'tap';
import { compose, type Middleware, mapResponse, wrap } from '../src/compose.ts';
import { createContext } from '../src/context.ts';
import { type Application, type Outcome, TAKEN } from '../src/interface.ts';
import { request, response } from './fixtures/request.ts';

const { context } = createContext();
const ok = { status: 200, headers: [], body: 'ok' };

t.test('the first middleware sees the request first and the response last', async (t) => {
  const seen: string[] = [];
  const named =
    (name: string): Middleware =>
    (next) =>
      wrap(next, async (request, context) => {
        seen.push(`${name} in`);
        const outcome = await next.handle(request, context);
        seen.push(`${name} out`);
        return outcome;
      });
  const application = compose(
    named('outer'),
    named('inner'),
  )({
    handle() {
      seen.push('application');
      return ok;
    },
  });
  t.equal((await response(application.handle(request(), context))).body, 'ok');
  t.same(seen, ['outer in', 'inner in', 'application', 'inner out', 'outer out']);
});

t.test('a composition of nothing is the application itself', async (t) => {
  const application: Application = { handle: () => ok };
  t.equal(compose()(application), application);
});

t.test('start and stop reach the application through every wrap, with its own this', async (t) => {
  const seen: unknown[] = [];
  class Counting implements Application {
    readonly name = 'counting';
    handle() {
      return ok;
    }
    async start(given: unknown) {
      seen.push([this.name, 'start', given === context]);
    }
    async stop() {
      seen.push([this.name, 'stop']);
    }
  }
  const pass: Middleware = (next) => wrap(next, (request, context) => next.handle(request, context));
  const application = compose(pass, pass)(new Counting());
  await application.start?.(context);
  await application.stop?.();
  t.same(seen, [
    ['counting', 'start', true],
    ['counting', 'stop'],
  ]);
});

t.test('a wrap fails to start and to stop as its application does', async (t) => {
  const fail = (message: string) => () => Promise.reject(new Error(message));
  const application = wrap({ handle: () => ok, start: fail('no database'), stop: fail('stuck') }, () => ok);
  await t.rejects(Promise.resolve(application.start?.(context)), { message: 'no database' });
  await t.rejects(Promise.resolve(application.stop?.()), { message: 'stuck' });
});

t.test('a wrap of an application without start and stop starts and stops', async (t) => {
  const application = wrap({ handle: () => ok }, () => ok);
  await application.start?.(context);
  await application.stop?.();
  t.pass();
});

t.test('a response that came at once is changed at once', async (t) => {
  t.same(
    mapResponse(ok, () => ({ status: 201 })),
    { status: 201, headers: [], body: 'ok' },
  );
});

t.test('a response that is promised is changed when it comes', async (t) => {
  t.same(await mapResponse(Promise.resolve(ok), () => ({ body: null })), { status: 200, headers: [], body: null });
});

t.test('a promise of another realm counts as one', async (t) => {
  const foreign: Promise<Outcome> = runInNewContext('Promise.resolve(ok)', { ok });
  t.notOk(foreign instanceof Promise);
  t.same(await mapResponse(foreign, () => ({ status: 202 })), { ...ok, status: 202 });
});

t.test('a taken socket and what is no response pass unchanged', async (t) => {
  const fail = () => {
    throw new Error('there is nothing to change');
  };
  t.equal(mapResponse(TAKEN, fail), TAKEN);
  for (const garbage of [undefined, null, 'text', 7]) {
    t.equal(mapResponse(garbage as unknown as Outcome, fail), garbage);
  }
});
