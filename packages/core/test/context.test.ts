// The context of a worker: readiness, drain, and work that outlives its response.

import t from 'tap';
import { createContext } from '../src/context.ts';
import { recordedContext } from './fixtures/request.ts';

t.test('a context that nobody described is ready, quiet and unnamed', async (t) => {
  const { context, ready, reason } = createContext();
  const { name, worker, generation } = context;
  t.same(
    { name, worker, generation, ready, reason },
    { name: 'tsgi', worker: 0, generation: 1, ready: true, reason: '' },
  );
  t.notOk(context.draining.aborted);
});

t.test('without a log, warnings and errors go to the console and the rest nowhere', async (t) => {
  const warned = t.capture(console, 'warn');
  const failed = t.capture(console, 'error');
  const { context } = createContext();
  for (const level of ['debug', 'info', 'warn', 'error'] as const) context.log[level]({ level }, 'text');
  t.same(warned.args(), [['text', { level: 'warn' }]]);
  t.same(failed.args(), [['text', { level: 'error' }]]);
});

t.test('an application sees who serves it', async (t) => {
  const { log } = recordedContext().context;
  const { context } = createContext({ name: 'movies', worker: 2, generation: 5, log });
  t.match(context, { name: 'movies', worker: 2, generation: 5 });
  t.equal(context.log, log);
});

t.test('the server is told when readiness or its reason changes, and only then', async (t) => {
  const told: unknown[] = [];
  const control = createContext({ onReady: (...change) => told.push(change) });
  control.context.setReady(true);
  control.context.setReady(false, 'cache is cold');
  t.equal(control.ready, false);
  t.equal(control.reason, 'cache is cold');
  control.context.setReady(false, 'database is gone');
  control.context.setReady(false, 'database is gone');
  t.equal(control.reason, 'database is gone', 'the reason is the latest one');
  control.context.setReady(true, 'of no matter');
  t.equal(control.ready, true);
  t.equal(control.reason, '');
  t.same(told, [
    [false, 'cache is cold'],
    [false, 'database is gone'],
    [true, ''],
  ]);
});

t.test('a drain aborts context.draining once and ends readiness for good', async (t) => {
  const told: unknown[] = [];
  const control = createContext({ onReady: (...change) => told.push(change) });
  let aborted = 0;
  control.context.draining.addEventListener('abort', () => aborted++);
  control.drain();
  control.drain();
  control.context.setReady(true);
  t.equal(aborted, 1);
  t.equal(control.ready, false);
  t.equal(control.reason, 'draining');
  t.same(told, [[false, 'draining']]);
});

t.test('a drain waits for work that outlives its response, and for the work that this work adds', async (t) => {
  const control = createContext();
  const done: string[] = [];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  control.context.waitUntil(
    first.promise.then(() => {
      done.push('first');
      control.context.waitUntil(second.promise.then(() => done.push('second')));
    }),
  );
  const settled = control.settled().then(() => done.push('settled'));
  first.resolve();
  await first.promise;
  second.resolve();
  await settled;
  t.same(done, ['first', 'second', 'settled']);
});

t.test('work that fails is logged, and the drain goes on', async (t) => {
  const { context, lines } = recordedContext();
  const control = createContext({ log: context.log });
  const error = new Error('mail server is gone');
  control.context.waitUntil(Promise.reject(error));
  await control.settled();
  t.same(lines, [{ level: 'error', fields: { err: error }, message: 'work given to waitUntil failed' }]);
});
