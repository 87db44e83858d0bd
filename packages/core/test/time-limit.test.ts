// A limited time to answer: what the client gets, what the application is told, and that nothing stays behind.

import { getEventListeners, once } from 'node:events';
import t from 'tap';
import {
  type Application,
  type Body,
  type GatewayRequest,
  type GatewayResponse,
  type Outcome,
  TAKEN,
} from '../src/interface.ts';
import { timeLimit } from '../src/time-limit.ts';
import { recordedContext, request, response } from './fixtures/request.ts';

const ok: GatewayResponse = { status: 200, headers: [], body: 'ok' };
// Long enough that it never passes within a test, short enough that a timer left behind is noticed.
const LONG = 600_000;

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

function limited(ms: number, handle: Application['handle']): Application {
  return timeLimit(ms)({ handle });
}

t.test('an application that answers in time answers as if there were no limit', async (t) => {
  const { context, lines } = recordedContext();
  t.equal(await limited(LONG, async () => ok).handle(request(), context), ok);
  const error = new Error('its own');
  await t.rejects(Promise.resolve(limited(LONG, () => Promise.reject(error)).handle(request(), context)), error);
  t.same(lines, []);
});

t.test('one that answers at once does so at once', async (t) => {
  const { context } = recordedContext();
  const before = timers();
  t.equal(limited(LONG, () => ok).handle(request(), context), ok);
  t.equal(timers(), before);
});

t.test('one that throws at once throws at once', async (t) => {
  const { context } = recordedContext();
  const before = timers();
  const application = limited(LONG, () => {
    throw new Error('its own');
  });
  t.throws(() => application.handle(request(), context), { message: 'its own' });
  t.equal(timers(), before);
});

t.test('no timer is left behind by an answer in time', async (t) => {
  const { context } = recordedContext();
  const before = timers();
  const answer = Promise.withResolvers<Outcome>();
  const outcome = limited(LONG, () => answer.promise).handle(request(), context);
  t.equal(timers(), before + 1, 'one while it is awaited');
  answer.resolve(ok);
  await outcome;
  t.equal(timers(), before);

  await t.rejects(Promise.resolve(limited(LONG, () => Promise.reject(new Error())).handle(request(), context)));
  t.equal(timers(), before, 'nor by an error');
});

t.test('one that does not answer in time is answered for: 504, and an entry in the log', async (t) => {
  const { context, lines } = recordedContext();
  const answer = Promise.withResolvers<Outcome>();
  const application = limited(1, () => answer.promise);
  t.same(await application.handle(request({ id: 'slow-1' }), context), {
    status: 504,
    headers: ['content-type', 'text/plain; charset=utf-8'],
    body: 'Gateway Timeout\n',
  });
  t.match(lines, [
    {
      level: 'error',
      fields: { requestId: 'slow-1', err: { code: 'TSGI_ERR_TIME_LIMIT', status: 504 } },
      message: 'the application did not answer within 1 ms',
    },
  ]);
  t.match(await application.handle(request({ method: 'HEAD' }), context), { status: 504, body: null });
  answer.resolve(ok);
});

t.test('the signal aborts when the time is up, for the reason that is logged', async (t) => {
  const { context, lines } = recordedContext();
  const stopped = Promise.withResolvers<unknown>();
  const application = limited(1, async ({ signal }) => {
    await once(signal, 'abort');
    stopped.resolve(signal.reason);
    throw signal.reason;
  });
  t.equal((await response(application.handle(request(), context))).status, 504);
  const reason = await stopped.promise;
  t.match(reason, { code: 'TSGI_ERR_TIME_LIMIT' });
  t.equal(lines[0]?.fields.err, reason);
});

t.test('a signal first looked at after the time was up is aborted', async (t) => {
  const { context } = recordedContext();
  const given = Promise.withResolvers<AbortSignal>();
  const expired = Promise.withResolvers<void>();
  const application = limited(1, async (request) => {
    await expired.promise;
    given.resolve(request.signal);
    return ok;
  });
  await application.handle(request(), context);
  expired.resolve();
  t.ok((await given.promise).aborted);
});

t.test('the signal aborts when the client leaves before the answer', async (t) => {
  const { context } = recordedContext();
  const client = new AbortController();
  const application = limited(LONG, async ({ signal }) => {
    const aborted = once(signal, 'abort');
    client.abort(new Error('gone'));
    await aborted;
    throw signal.reason;
  });
  const original = request({ signal: client.signal });
  await t.rejects(Promise.resolve(application.handle(original, context)), { message: 'gone' });
  await t.rejects(
    Promise.resolve(limited(LONG, ({ signal }) => Promise.reject(signal.reason)).handle(original, context)),
    { message: 'gone' },
    'and is aborted from the beginning where the client left before',
  );
});

async function* events(): Body {
  yield new Uint8Array(1);
}

t.test('the signal aborts when the client leaves while the answer is streamed, or the socket is taken', async (t) => {
  for (const outcome of [{ status: 200, headers: [], body: events() }, TAKEN] satisfies Outcome[]) {
    for (const handle of [async () => outcome, () => outcome]) {
      const { context } = recordedContext();
      const client = new AbortController();
      let signal: AbortSignal | undefined;
      const application = limited(LONG, (request) => {
        signal = request.signal;
        return handle();
      });
      await application.handle(request({ signal: client.signal }), context);
      t.notOk(signal?.aborted);
      client.abort(new Error('gone'));
      t.match(signal, { aborted: true, reason: { message: 'gone' } });
    }
  }
});

t.test('a signal first looked at after the answer is the one of the request', async (t) => {
  const { context } = recordedContext();
  const original = request();
  let derived: GatewayRequest | undefined;
  const application = limited(LONG, (request) => {
    derived = request;
    return ok;
  });
  application.handle(original, context);
  t.equal(derived?.signal, original.signal);
});

t.test('a request has one signal, and none is made that nobody asks for', async (t) => {
  const { context } = recordedContext();
  const original = request();
  let asked = 0;
  Object.defineProperty(original, 'signal', {
    get() {
      asked++;
      return new AbortController().signal;
    },
  });
  await limited(LONG, async () => ok).handle(original, context);
  t.equal(asked, 0);
  await limited(LONG, async (request) => {
    t.equal(request.signal, request.signal);
    return ok;
  }).handle(original, context);
  t.equal(asked, 1);
});

t.test('no listener is left on the signal of the request when it is over', async (t) => {
  const { signal } = new AbortController();
  const over = {
    'at once': () => ok,
    'in time': async () => ok,
    'with bytes': async () => ({ ...ok, body: new Uint8Array(1) }),
    'by an error': () => Promise.reject(new Error('its own')),
    'too late': () => new Promise<Outcome>(() => {}),
    'with what is no response': async () => undefined as unknown as Outcome,
  };
  for (const [how, handle] of Object.entries(over)) {
    const { context } = recordedContext();
    const application = limited(how === 'too late' ? 1 : LONG, (request) => {
      request.signal.addEventListener('abort', () => {});
      t.equal(getEventListeners(signal, 'abort').length, 1);
      return handle();
    });
    await Promise.resolve(application.handle(request({ signal }), context)).catch(() => {});
    t.same(getEventListeners(signal, 'abort'), [], how);
  }
});

t.test('the body of a response that comes too late is ended', async (t) => {
  const { context } = recordedContext();
  const returned = Promise.withResolvers<void>();
  const body: Body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true, value: undefined }),
      return: async () => {
        returned.resolve();
        return { done: true, value: undefined };
      },
    }),
  };
  const answer = Promise.withResolvers<Outcome>();
  const outcome = await response(limited(1, () => answer.promise).handle(request(), context));
  answer.resolve({ status: 200, headers: [], body });
  await returned.promise;
  t.equal(outcome.status, 504);
});

for (const [what, settle] of [
  ['an error', (answer) => answer.reject(new Error('too late'))],
  ['no error at all', (answer) => answer.reject(undefined)],
  ['what is no response', (answer) => answer.resolve(undefined as unknown as Outcome)],
] satisfies [string, (answer: PromiseWithResolvers<Outcome>) => void][]) {
  t.test(`${what} that comes too late is logged, and not unhandled`, async (t) => {
    const { context, logged } = recordedContext();
    const answer = Promise.withResolvers<Outcome>();
    await limited(1, () => answer.promise).handle(request({ id: 'late-1' }), context);
    const line = logged();
    settle(answer);
    t.match(await line, {
      level: 'error',
      fields: { requestId: 'late-1' },
      message: 'the application failed after its time was up',
    });
  });
}

t.test('an application that stops because of the signal is not logged a second time', async (t) => {
  const { context, lines } = recordedContext();
  const seen: unknown[] = [];
  const application = limited(1, async ({ signal }) => {
    // As node:events, node:timers and fetch do it: an AbortError with the reason as its cause, or the reason itself.
    try {
      await once(new EventTarget(), 'never', { signal });
    } catch (error) {
      seen.push((error as Error).name);
      throw error;
    }
    return ok;
  });
  await application.handle(request(), context);
  await new Promise(setImmediate);
  t.same(seen, ['AbortError']);
  t.equal(lines.length, 1);
});

const upgrade = (take: () => never) => ({ protocol: 'websocket', head: new Uint8Array(1), take });
const socket = {} as never;

t.test('the limit ends when the socket of an upgrade is taken', async (t) => {
  const { context, lines } = recordedContext();
  const closed = Promise.withResolvers<void>();
  let signal: AbortSignal | undefined;
  const application = limited(1, async (request) => {
    t.equal(request.upgrade, request.upgrade);
    t.match(request.upgrade, { protocol: 'websocket', head: new Uint8Array(1) });
    t.equal(request.upgrade?.take(), socket);
    signal = request.signal;
    await closed.promise;
    return TAKEN;
  });
  const outcome = application.handle(request({ upgrade: upgrade(() => socket) }), context);
  // A second request with the same limit is out of time only after the first one would have been.
  await limited(2, () => closed.promise.then(() => ok)).handle(request(), context);
  t.notOk(signal?.aborted);
  closed.resolve();
  t.equal(await outcome, TAKEN);
  t.equal(lines.length, 1, 'of the second request');
});

t.test('an upgrade that cannot be taken stays under the limit', async (t) => {
  const { context } = recordedContext();
  const refused = new Error('taken before');
  const never = new Promise<Outcome>(() => {});
  const fail = () => {
    throw refused;
  };
  const application = limited(1, (request) => {
    t.throws(() => request.upgrade?.take(), refused);
    return never;
  });
  t.match(await application.handle(request({ upgrade: upgrade(fail) }), context), { status: 504 });
});

t.test('an ordinary request has no upgrade, and what is taken too late is let be', async (t) => {
  const { context, lines } = recordedContext();
  const answer = Promise.withResolvers<Outcome>();
  const application = limited(1, (request) => {
    t.equal(request.upgrade, null);
    return answer.promise;
  });
  await application.handle(request(), context);
  answer.resolve(TAKEN);
  await new Promise(setImmediate);
  t.equal(lines.length, 1);
});

t.test('a limit that no timer can keep is refused', async (t) => {
  for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    t.throws(() => timeLimit(ms), {
      code: 'TSGI_ERR_OPTION',
      message: `the option ms is ${ms}`,
      todo: 'give milliseconds from 1 to 2147483647',
    });
  }
  t.type(timeLimit(2 ** 31 - 1), 'function');
});
