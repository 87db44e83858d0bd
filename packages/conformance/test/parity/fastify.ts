// A Fastify application, made twice: for its own listen, and for fromFastify.

import type { AddressInfo } from 'node:net';
import { fromFastify } from '@tsgi/bridge-node';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { type Pair, type PairOptions, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends; `side` tells it which one is being made. */
export function bothFastify(
  t: Test,
  make: (side: 'native' | 'ours') => FastifyInstance | Promise<FastifyInstance>,
  options: PairOptions = {},
): Promise<Pair> {
  return pair(
    t,
    async () => {
      const app = await make('native');
      await app.listen({ port: 0, host: '127.0.0.1' });
      const { port } = app.server.address() as AddressInfo;
      return { port, close: () => app.close() };
    },
    async () => fromFastify(await make('ours')),
    options,
  );
}
