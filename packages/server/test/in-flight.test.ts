import type { Context, GatewayRequest, Outcome } from '@tsgi/core';
import t from 'tap';
import { IN_FLIGHT_BYTES, InFlightTable, readInFlight } from '../src/worker/in-flight.ts';

const request = { id: 'r1', method: 'GET', mountPath: '/shop', target: '/x?y' } as GatewayRequest;
const context = {} as Context;

t.test('a request is in the table until its response is there, whatever the application answers with', async (t) => {
  const memory = new SharedArrayBuffer(IN_FLIGHT_BYTES);
  const table = new InFlightTable(memory);
  const response: Outcome = { status: 200, headers: [], body: null };
  const seen: number[] = [];
  const outcomes: (() => unknown)[] = [
    () => response,
    async () => response,
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('now');
    },
    // What breaks the interface.
    () => undefined,
    // A thenable that is no promise, as query builders are.
    // biome-ignore lint/suspicious/noThenProperty: such things are met.
    () => ({ then: (done: (outcome: Outcome) => void) => done(response) }),
  ];
  for (const outcome of outcomes) {
    const application = table.around({
      handle: () => {
        seen.push(readInFlight(memory).length);
        return outcome() as Outcome;
      },
    });
    await Promise.resolve()
      .then(() => application.handle(request, context))
      .catch(() => {});
    t.strictSame(readInFlight(memory), []);
  }
  t.strictSame(seen, [1, 1, 1, 1, 1, 1]);
});
