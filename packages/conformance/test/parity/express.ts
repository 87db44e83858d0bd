// An Express application, made twice: for its own listen, and for fromExpress.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fromExpress } from '@tsgi/bridge-node';
import type { Express } from 'express';
import type { Test } from 'tap';
import { type Native, type Pair, pair } from './pair.ts';

/** Serves what `make` makes both ways until the test ends; `side` tells it which one is being made. */
export function bothExpress(t: Test, make: (side: 'native' | 'ours') => Express): Promise<Pair> {
  return pair(
    t,
    () => listening(make('native')),
    () => fromExpress(make('ours')),
  );
}

/** Express's own server. */
export async function listening(app: Express): Promise<Native> {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
