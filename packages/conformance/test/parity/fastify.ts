// A Fastify application, made twice: for its own listen, and for fromFastify.

import { fromFastify } from '@tsgi/bridge-node';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { type Pair, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends; `side` tells it which one is being made. */
export function bothFastify(
  t: Test,
  make: (side: 'native' | 'ours') => FastifyInstance | Promise<FastifyInstance>,
  trust: readonly string[] = [],
): Promise<Pair> {
  return pair(
    t,
    async () => {
      const app = await make('native');
      await app.listen({ port: 0, host: '127.0.0.1' });
      return { port: app.addresses()[0]?.port as number, close: () => app.close() };
    },
    async () => fromFastify(await make('ours')),
    trust,
  );
}
