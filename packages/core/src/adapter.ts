// What an adapter gives back to who started it. Every adapter with a transport fits these types, ours and others'.

import type { Bind } from './bind.ts';

/** What a serving adapter counted since it began to listen. Counts only grow; `connections` and `inFlight` are now. */
export interface Stats {
  readonly connections: number;
  /** Requests whose response has not been sent to its end yet, taken sockets included. */
  readonly inFlight: number;
  readonly requests: number;
  /** Requests and connections that the adapter answered itself: malformed, too long, too slow, too many. */
  readonly refused: number;
  /** Requests whose client left before the response was sent. */
  readonly aborted: number;
  /** Final responses by the first digit of their status, at index 2 to 5; the application's and the adapter's own. */
  readonly responses: readonly number[];
}

/** How to drain. */
export interface DrainOptions {
  /** Milliseconds between readiness going false and the listener closing, for a load balancer to notice. Default 0. */
  readonly delay?: number;
  /** Milliseconds after which what is still in flight is cut. Default 30 000. */
  readonly graceful?: number;
  /** Milliseconds for which an idle connection may still bring a request that is on its way. Default 500. */
  readonly lastCall?: number;
}

/** A server that listens. */
export interface Listening {
  /** Where it listens, with the port that the system chose where port 0 was asked for. */
  readonly address: Bind;
  stats(): Stats;
  /** Stops accepting, finishes what is in flight, leaves. Resolves when nothing is open and `stop` has returned. */
  drain(options?: DrainOptions): Promise<void>;
  /** Stops at once: what is in flight is cut. Resolves when nothing is open and `stop` has returned. */
  close(): Promise<void>;
}
