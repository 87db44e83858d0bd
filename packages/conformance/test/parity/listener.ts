// A (req, res) listener, made twice: for http.createServer, and for fromNodeListener.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromNodeListener, type Listener } from '@tsgi/bridge-node';
import type { Test } from 'tap';
import { type Pair, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends; `side` tells it which one is being made. */
export function bothListener(t: Test, make: (side: 'native' | 'ours') => Listener): Promise<Pair> {
  return pair(
    t,
    async () => {
      const server = createServer(make('native')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const close = (): void => {
        server.close();
        server.closeAllConnections();
      };
      return { port: (server.address() as AddressInfo).port, close };
    },
    () => fromNodeListener(make('ours')),
  );
}
