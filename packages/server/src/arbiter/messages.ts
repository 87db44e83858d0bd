// What an arbiter and a worker say to each other over their IPC channel. Each message is small, and either side ends
// when the channel does.

import type { Settings } from '../settings/table.ts';

/** A listening socket as a worker inherits it. */
export interface InheritedSocket {
  readonly fd: number;
  /** The bind as its operator wrote it, for logs. */
  readonly bind: string;
}

/** From the arbiter. */
export type ToWorker =
  /** The first message: load and start the application. */
  | {
      readonly type: 'boot';
      readonly settings: Settings;
      readonly worker: number;
      readonly generation: number;
      readonly sockets: readonly InheritedSocket[];
    }
  /** The generation is committed: accept connections. */
  | { readonly type: 'accept' }
  /** Finish what is in flight and leave. */
  | { readonly type: 'drain'; readonly delay: number; readonly graceful: number }
  /** Leave now. */
  | { readonly type: 'quit' }
  /** Open the log files again. */
  | { readonly type: 'reopen' }
  /** End this many kept-alive connections after their next answer: the worker has more than its share. */
  | { readonly type: 'shed'; readonly connections: number };

/** From a worker. */
export type FromWorker =
  /** The application has started; nothing is accepted yet. */
  | { readonly type: 'started'; readonly kind: string }
  | { readonly type: 'accepting' }
  /** The next connection goes to somebody else; what is in flight goes on. */
  | { readonly type: 'stopped-accepting' }
  | { readonly type: 'ready'; readonly ready: boolean; readonly reason: string }
  /** It cannot serve, and ends. `phase` says what it was at. */
  | {
      readonly type: 'failed';
      readonly phase: 'load' | 'start' | 'listen';
      readonly message: string;
      readonly stack: string;
    }
  /** With `dev`: a file that its code is made of; the stamp tells how it was before it was read. */
  | { readonly type: 'imported'; readonly path: string; readonly stamp: string }
  /** An error that nobody caught ends it. */
  | { readonly type: 'crashed'; readonly reason: string }
  /** Five times a second, and once more before it leaves. Also the beat of the main loop. */
  | { readonly type: 'beat'; readonly counters: WorkerCounters; readonly meter?: MeterReport };

/**
 * How a worker's message travels. The application shares the channel, and may send what it likes: `process.send('ready')`
 * is what PM2 waits for.
 */
export interface Envelope {
  readonly tsgi: FromWorker;
}

/** What a worker measured: counts since its start, and how it is now. */
export interface WorkerCounters {
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly refused: number;
  readonly aborted: number;
  /** Final responses by the first digit of their status, at index 2 to 5. */
  readonly responses: readonly number[];
  /** Resident memory, bytes. */
  readonly memory: number;
  /** Share of the last beat in which the event loop was busy, 0 to 1. */
  readonly utilization: number;
  /** Mean delay of the event loop over the last beat, seconds. */
  readonly delay: number;
}

/** What a worker metered, where somebody asks for metrics; see worker/meter.ts for the numbers. */
export interface MeterReport {
  /** The index of a method and its row. A row that has not changed since the last beat is left out. */
  readonly rows: readonly (readonly [method: number, row: readonly number[]])[];
  readonly stalls: readonly number[];
  /** Microseconds of processor time. */
  readonly cpu: number;
  /** Microseconds in which the event loop was busy. */
  readonly active: number;
  /** Lines that the access log lost. */
  readonly dropped: number;
  /** Bytes in use on the heap of JavaScript. */
  readonly heap: number;
}
