// What a load generator is to the bench. Both are other people's programs: wrk where it is installed, else autocannon.

import type { LoadRequest } from '../payloads.ts';
import type { Target } from '../servers.ts';

export interface LoadOptions {
  readonly target: Target;
  /** Sent in turn by every connection. */
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  /** Command words in front of the generator's own: a core to run on. */
  readonly prefix: readonly string[];
}

/** What a generator says at its end. */
export interface LoadReport {
  readonly requests: number;
  /** Requests per second while it ran. */
  readonly perSecond: number;
  /** Milliseconds. NaN when nothing was answered. */
  readonly p99: number;
  /** Connections that broke, requests without an answer in time, and answers other than 2xx. */
  readonly errors: number;
}

/** A load that runs until it is stopped. */
export interface Load {
  /** False when it has ended, by `stop` or because it could not run. */
  readonly running: boolean;
  /** Rejects when the generator could not run. A second call gives the same report. */
  stop(): Promise<LoadReport>;
}

export interface Generator {
  /** Name and version, and where it came from. */
  readonly text: string;
  start(options: LoadOptions): Load;
}
