// What can be set on a server: limits, trust, time-outs. Every option with its unit, its default and its reason.

import type { ContextControl, GatewayRequest, HeaderList, Log } from '@tsgi/core';
import type { CreateEngine } from './engine.ts';

/** What a client may send. Each limit that is passed has a status of its own, and the connection is closed. */
export interface Limits {
  /** Bytes of the request line: 414. Default 8192, which holds the longest address that browsers and CDNs pass on. */
  readonly requestLine: number;
  /** Bytes of all header fields, names and values: 431. Default 32 768. */
  readonly headerBytes: number;
  /** Number of header fields: 431. Default 100. */
  readonly headerCount: number;
  /** Bytes of a body, also one in chunks: 413. Default 134 217 728 (128 MiB). */
  readonly bodyBytes: number;
  /** Milliseconds until the head is complete: 408. Default 30 000. */
  readonly headerTime: number;
  /** Milliseconds until the whole request is there: 408. Default 300 000. */
  readonly bodyTime: number;
  /** Open connections: 503, and the connection is closed. Default 10 000. */
  readonly connections: number;
}

/** The limits that hold where none are given. */
export const DEFAULT_LIMITS: Limits = {
  requestLine: 8192,
  headerBytes: 32_768,
  headerCount: 100,
  bodyBytes: 128 * 1024 * 1024,
  headerTime: 30_000,
  bodyTime: 300_000,
  connections: 10_000,
};

/** Options that decide how a request is translated, with or without a listening socket. */
export interface TranslateOptions {
  /** Where refusals and failures are written. Default: the context's log. */
  readonly log?: Log;
  readonly limits?: Partial<Limits>;
  /**
   * Whose forwarding headers are believed: IP addresses, networks (`10.0.0.0/8`), `unix` for every peer on a Unix
   * socket, `*` for everyone. Default `['127.0.0.1', '::1', 'unix']`: a proxy on this machine.
   */
  readonly trust?: readonly string[];
  /**
   * Which headers a trusted proxy speaks: `X-Forwarded-For`, `-Proto`, `-Host`, `-Prefix`, or `Forwarded` (RFC 7239).
   * One of them, never both: what a proxy does not set itself it passes on from anyone. Default `x-forwarded`.
   */
  readonly forwarded?: 'x-forwarded' | 'forwarded';
}

/** How a request ended. */
export interface Ended {
  /** The status that was sent; 0 where the client left first, 101 where the application took the socket. */
  readonly status: number;
  /** The application's header fields; empty where none were sent. */
  readonly headers: HeaderList;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** Bytes of the request's body that had come by then. */
  readonly received: number;
  /** Milliseconds since the head of the request was there. */
  readonly ms: number;
}

/** Told of each request that has ended. It must not throw. */
export type Observe = (request: GatewayRequest, ended: Ended) => void;

/** Options of {@link listen}. */
export interface ListenOptions extends TranslateOptions {
  /**
   * The context to serve with. Whoever gives one calls `start` and `stop` of the application himself, which is how
   * one application is served on several binds. Default: `listen` makes one, and calls both.
   */
  readonly context?: ContextControl;
  /** The server's name in the context. Default `tsgi`. */
  readonly name?: string;
  /** Milliseconds that an idle connection stays open. Default 75 000, longer than the 60 s of Nginx, so that Nginx closes first. */
  readonly keepAlive?: number;
  /**
   * A connection is ended after this many requests, so that clients that stay connect anew and spread over the
   * processes that share the socket. Default 0: never.
   */
  readonly keepAliveRequests?: number;
  /** A connection is ended by its first answer past this age in milliseconds. Default 0: never. */
  readonly keepAliveMaxAge?: number;
  /** For an access log and metrics. Default: nobody. */
  readonly observe?: Observe;
  /** Connections that the system may hold before they are accepted. Default 511; the system's own maximum may be lower. */
  readonly backlog?: number;
  /** Refuses a dual-stack socket for an IPv6 bind. Default false. */
  readonly ipv6Only?: boolean;
  /** Serves HTTPS with this certificate chain and key, both PEM. */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
  /** Expects a PROXY protocol header, version 1 or 2, on every connection of a trusted peer. Default false. */
  readonly proxyProtocol?: boolean;
  /** The HTTP engine. Default: the one on `node:http`. */
  readonly engine?: CreateEngine;
}
