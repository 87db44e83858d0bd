// What a one-off process is told, and what it answers, over its IPC channel.

import type { Settings } from '../settings/table.ts';

/** A request, as it was written by hand. */
export interface OneOffRequest {
  readonly method: string;
  /** The path with its query. */
  readonly path: string;
  /** Names and values in turn, duplicates kept. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
}

/** The first and only message to it: start the application, send it the request if there is one, stop it. */
export interface Order {
  readonly settings: Settings;
  readonly request: OneOffRequest | null;
}

/** A whole answer. Header names are in lower case. */
export interface Reply {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** From the process, in this order; `failed` ends it at any point. */
export type FromOneOff =
  /** The application has started. `kind` is what it is, such as `fastify`. */
  | { readonly type: 'started'; readonly kind: string }
  | { readonly type: 'replied'; readonly reply: Reply }
  | {
      readonly type: 'failed';
      readonly phase: 'load' | 'start' | 'answer';
      readonly message: string;
      /** Of the application's own error; `''` where the message says what to do. */
      readonly stack: string;
    };
