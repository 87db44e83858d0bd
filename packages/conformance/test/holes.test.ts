// The suite can fail: adapters and applications with one fault each are put into it, and the rule that they break shows.

import { type AdapterUnderTest, cases, cells, type Kind, plain, type Result, runCase } from '@tsgi/conformance';
import { type Application, type Context, derive, deriveResponse, RULES, type RuleNumber, TAKEN } from '@tsgi/core';
import { test } from 'tap';
import { adapter } from '../matrix/adapters.ts';

const tcp = adapter('tcp');

/** The TCP adapter, serving what `fault` makes of the application that it is given. */
function faulty(fault: (application: Application) => Application): AdapterUnderTest {
  return { name: 'faulty', serve: (application, options) => tcp.serve(fault(application), options) };
}

/** The application as it is, but for `changes`. */
function changed(application: Application, changes: Partial<Application>): Application {
  return {
    start: (context) => application.start?.(context),
    handle: (request, context) => application.handle(request, context),
    stop: () => application.stop?.(),
    ...changes,
  };
}

/** The cases that prove `rule`, run in a column. */
async function results(rule: RuleNumber, under: AdapterUnderTest, kind: Kind = plain): Promise<Result[]> {
  const found: Result[] = [];
  for (const one of cases) if (one.rules.includes(rule)) found.push(await runCase(one, under, kind));
  return found;
}

const FAULTS: readonly (readonly [what: string, rule: RuleNumber, fault: (application: Application) => Application])[] =
  [
    ['does not call start', 'A2', (application) => changed(application, { start() {} })],
    [
      'swallows an error of start',
      'A4',
      (application) =>
        changed(application, {
          async start(context) {
            await Promise.resolve(application.start?.(context)).catch(() => {});
          },
        }),
    ],
    [
      'makes a context for each request',
      'A6',
      (application) =>
        changed(application, { handle: (request, context) => application.handle(request, { ...context } as Context) }),
    ],
    [
      'decodes targets',
      'B3',
      (application) =>
        changed(application, {
          handle: (request, context) =>
            application.handle(derive(request, { target: decodeURI(request.target) }), context),
        }),
    ],
    [
      'loses duplicates',
      'B13',
      (application) =>
        changed(application, {
          handle(request, context) {
            const fields = Object.entries(request.fields).flatMap(([name, value]) => [name, String(value)]);
            return application.handle(derive(request, { headers: fields }), context);
          },
        }),
    ],
    [
      'gives the same id to everyone',
      'B19',
      (application) =>
        changed(application, {
          handle: (request, context) => application.handle(derive(request, { id: '1' }), context),
        }),
    ],
    [
      'loses bodies',
      'C1',
      (application) =>
        changed(application, {
          handle: (request, context) => application.handle(derive(request, { body: null }), context),
        }),
    ],
    [
      'spells response fields its own way',
      'D14',
      (application) =>
        changed(application, {
          async handle(request, context) {
            const outcome = await application.handle(request, context);
            if (outcome === TAKEN) return outcome;
            return deriveResponse(outcome, {
              headers: outcome.headers.map((text, i) => (i % 2 ? text : text.toLowerCase())),
            });
          },
        }),
    ],
    [
      'collects a body before it sends it',
      'E7',
      (application) =>
        changed(application, {
          async handle(request, context) {
            const outcome = await application.handle(request, context);
            if (outcome === TAKEN || typeof outcome.body === 'string' || outcome.body === null) return outcome;
            if (request.target !== '/steps') return outcome;
            // Its end does not come before the case opens the gate, and the case waits for its beginning.
            const first = await (outcome.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().next();
            return deriveResponse(outcome, { body: first.value ?? null });
          },
        }),
    ],
    [
      'tells the client what went wrong',
      'G1',
      (application) =>
        changed(application, {
          async handle(request, context) {
            try {
              return await application.handle(request, context);
            } catch (error) {
              return { status: 500, headers: [], body: String(error) };
            }
          },
        }),
    ],
    [
      'calls stop twice',
      'H6',
      (application) =>
        changed(application, {
          async stop() {
            await application.stop?.();
            await application.stop?.();
          },
        }),
    ],
  ];

for (const [what, rule, fault] of FAULTS) {
  test(`an adapter that ${what} fails ${rule}`, async (t) => {
    const cell = cells(await results(rule, faulty(fault))).get(rule);
    t.equal(cell?.status, 'FAIL', `${cell?.reasons.join('; ')}`);
  });
}

test('an application whose bridge passes on fields of the connection fails D10', async (t) => {
  const kind: Kind = {
    name: 'faulty',
    make: async (witness) =>
      changed(await plain.make(witness), {
        handle: () => ({ status: 200, headers: ['Connection', 'x-secret'], body: 'hop' }),
      }),
  };
  const cell = cells(await results('D10', tcp, kind)).get('D10');
  t.equal(cell?.status, 'FAIL');
});

test('an application that leaves an error in the log fails the case', async (t) => {
  const kind: Kind = {
    name: 'faulty',
    make: async (witness) =>
      changed(await plain.make(witness), {
        handle(_request, context) {
          context.log.error({ err: new Error('unexpected') }, 'something went wrong');
          return { status: 200, headers: [], body: 'Hello World!\n' };
        },
      }),
  };
  const [first] = await results('A5', tcp, kind);
  t.equal(first?.status, 'failed');
  t.match(first?.reason, /something went wrong/);
});

test('a rule without a case is a hole, and one whose cases do not apply says why', async (t) => {
  t.equal(cells([]).get('A1')?.status, 'hole');
  const lacking: AdapterUnderTest = { ...tcp, lacks: { wire: 'it is a pigeon' } };
  const cell = cells(await results('C7', lacking)).get('C7');
  t.strictSame(cell, { status: 'n/a', reasons: ['it is a pigeon'] });
});

test('every rule has a case', async (t) => {
  const named = new Set(cases.flatMap(({ rules }) => rules));
  t.strictSame(
    RULES.map(({ number }) => number).filter((number) => !named.has(number)),
    [],
  );
});

test('titles of cases tell them apart', async (t) => {
  t.equal(new Set(cases.map(({ title }) => title)).size, cases.length);
});
