// What the suite is told of an adapter: how to serve an application with it, how to reach it, and what its transport lacks.

import type { Duplex } from 'node:stream';
import type { Application, DrainOptions, Log, Stats } from '@tsgi/core';
import type { Message, Reply } from './client/message.ts';

/**
 * What a transport may lack. A case that needs it is then shown as not applicable, with the reason that the adapter gives.
 *
 * - `wire`: a byte stream that speaks HTTP/1.1, by `connect()`
 * - `request line limit`, `field limits`, `body limit`, `time limits`, `connection limit`: the options of that meaning
 * - `trust`: the option `trust` and X-Forwarded-*; `forwarded`: the option of that name
 * - `upgrade`: raw sockets for WebSockets
 * - `reset`: a connection can end by a reset, as TCP's can
 * - `field lines`: response fields go out line by line, as they stand in the list
 * - `readiness`: the option `onReady`
 * - `drain`: a drain with options, while connections are open
 */
export type Transport =
  | 'wire'
  | 'request line limit'
  | 'field limits'
  | 'body limit'
  | 'time limits'
  | 'connection limit'
  | 'trust'
  | 'forwarded'
  | 'upgrade'
  | 'reset'
  | 'field lines'
  | 'readiness'
  | 'drain';

/** Options that the suite serves with. Those that the transport lacks are never given. */
export interface ServeOptions {
  /** Where everything goes that the adapter has to say, its refusals and the failures of the application. */
  readonly log: Log;
  /** Called when readiness changes. */
  readonly onReady?: (ready: boolean, reason: string) => void;
  readonly limits?: {
    /** Bytes of the request line. */
    readonly requestLine?: number;
    /** Bytes of all names and values. */
    readonly headerBytes?: number;
    readonly headerCount?: number;
    readonly bodyBytes?: number;
    /** Milliseconds. */
    readonly headerTime?: number;
    /** Milliseconds. */
    readonly bodyTime?: number;
    readonly connections?: number;
  };
  /** Addresses and networks whose forwarding fields are believed. Default: the suite's own peer is trusted. */
  readonly trust?: readonly string[];
  /** Which forwarding fields are read. Default `x-forwarded`. */
  readonly forwarded?: 'x-forwarded' | 'forwarded';
}

/** An application that is being served. */
export interface ServerUnderTest {
  /** Opens one connection. Needed unless `request` is there. */
  connect?(): Promise<Duplex>;
  /**
   * Sends one request and gives its response whole; rejects where the response was cut. Only for a transport that lacks
   * the `wire`: elsewhere the suite speaks for itself.
   */
  request?(message: Message): Promise<Reply>;
  /** Needed unless the transport lacks the `wire`. */
  stats?(): Stats;
  /** Needed unless the transport lacks `drain`. */
  drain?(options?: DrainOptions): Promise<void>;
  close(): Promise<void>;
}

/** An adapter, as the suite sees it. */
export interface AdapterUnderTest {
  /** Heads the column: a short word. */
  readonly name: string;
  /** What its transport lacks, each with the reason. */
  readonly lacks?: Partial<Record<Transport, string>>;
  /** Serves `application`: calls its `start`, and its `stop` at the end. Rejects with what `start` threw. */
  serve(application: Application, options: ServeOptions): Promise<ServerUnderTest>;
}
