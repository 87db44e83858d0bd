// A Koa application, made twice: for its own listen, and for fromKoa.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fromKoa } from '@tsgi/bridge-node';
import type Koa from 'koa';
import type { Test } from 'tap';
import { type Pair, type PairOptions, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends; `side` tells it which one is being made. */
export function bothKoa(t: Test, make: (side: 'native' | 'ours') => Koa, options: PairOptions = {}): Promise<Pair> {
  return pair(
    t,
    async () => {
      const server = make('native').listen(0, '127.0.0.1');
      await once(server, 'listening');
      const close = (): void => {
        server.close();
        server.closeAllConnections();
      };
      return { port: (server.address() as AddressInfo).port, close };
    },
    () => fromKoa(make('ours')),
    options,
  );
}
