// The seam below an adapter: an engine turns bytes on sockets into gateway requests, and gateway responses into bytes.
// Another engine can be put here; applications, bridges and whoever calls listen() do not notice.

import type { BoundSocket } from 'node:net';
import type { Application, Context, Log, Stats } from '@tsgi/core';
import type { Limits, Observe } from './options.ts';
import type { Trust } from './trust.ts';

/** Everything that an engine is told. */
export interface EngineOptions {
  readonly application: Application;
  readonly context: Context;
  readonly log: Log;
  readonly limits: Limits;
  readonly trust: Trust;
  readonly forwarded: 'x-forwarded' | 'forwarded';
  readonly keepAlive: number;
  readonly keepAliveRequests: number;
  readonly keepAliveMaxAge: number;
  readonly observe: Observe | null;
  readonly tls: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array } | undefined;
  readonly proxyProtocol: boolean;
}

/** What the system is asked to listen on; a part of what `net.Server.listen` takes. */
export type ListenTarget =
  | { readonly host: string | undefined; readonly port: number; readonly backlog: number; readonly ipv6Only: boolean }
  | { readonly fd: number; readonly backlog: number }
  | { readonly bound: BoundSocket; readonly backlog: number };

/** One listening HTTP server. The story of a drain is told in listen.ts; an engine offers its steps. */
export interface Engine {
  /** Resolves when the system accepts connections: the address, or the path of a Unix socket. Rejects with the system's error. */
  listen(target: ListenTarget): Promise<{ host: string; port: number } | string>;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /**
   * Takes the address away so that nobody new comes, where it is one that can be taken away: the file of a Unix socket.
   * The listener goes on; it has to empty its backlog. May be called more than once.
   */
  leave?(): Promise<void>;
  /** Answers every request from now on with `Connection: close`. */
  lastCall(): void;
  /** Ends `count` connections that are open now, each by its next answer. */
  shed(count: number): void;
  /** Stops accepting. Open connections go on. Resolves when the listener and every connection are closed. */
  closeListener(): Promise<void>;
  /** Closes the connections on which nothing is in flight. */
  closeIdle(): void;
  /** Cuts every connection, also those that an application took over. */
  destroyAll(): void;
  stats(): Stats;
}

/** Makes an engine. It does not listen yet. */
export type CreateEngine = (options: EngineOptions) => Engine;
