// What serves the application, as the application sees it: a port with few words, filled in by gateway.ts at the package's
// root. Without one (Fastify's own listen, a script) everything works, and says so.

import type { IncomingMessage } from 'node:http';

/** Who serves, and what it is told. */
export interface Host {
  /** Of the server, as its operator knows it. */
  readonly name: string;
  /** What carries requests: `TCP`, `Unix socket`, ...; `''` where that is not known. */
  readonly adapter: string;
  /** Where it listens, as its operator wrote it; empty where nothing does. */
  readonly binds: readonly string[];
  /** 1 for the first worker; 0 where there are none. */
  readonly worker: number;
  readonly generation: number;
  /** Aborted when the process begins to leave: streams end now. */
  readonly draining: AbortSignal;
  /** Tells whether this process should get new requests. */
  setReady(ready: boolean, reason?: string): void;
  /** The direct neighbour on the socket: an address with its port, or `unix`. */
  peerOf(request: IncomingMessage): string;
}

/** Nobody in particular. */
export const NO_HOST: Host = {
  name: 'fastify',
  adapter: '',
  binds: [],
  worker: 0,
  generation: 1,
  draining: new AbortController().signal,
  setReady() {},
  peerOf: ({ socket }) =>
    socket.remoteAddress === undefined ? 'unix' : `${socket.remoteAddress}:${socket.remotePort}`,
};
