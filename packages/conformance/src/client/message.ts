// What the suite sends and what it gets: one request and one reply, whatever carries them.

import type { HeaderList } from '@tsgi/core';

/** One request. `Host` and the framing fields are added where `headers` has none. */
export interface Message {
  /** Default `GET`. */
  readonly method?: string;
  /** Default `/hello`. */
  readonly target?: string;
  readonly headers?: HeaderList;
  /** A string or bytes go with `Content-Length`, an iterable in chunks. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Trailer fields, behind an iterable body. */
  readonly trailers?: HeaderList;
}

/** The head of a response, informational or final. */
export interface Head {
  readonly status: number;
  /** Names as they were spelled, in the order in which they came. */
  readonly headers: HeaderList;
}

/** One final response that came whole. */
export interface Reply extends Head {
  readonly body: Buffer;
  readonly trailers: HeaderList;
  /** The informational responses before it, where the transport shows them. */
  readonly interim: readonly Head[];
}

/** The connection ended before the response did. */
export class CutError extends Error {
  override get name(): string {
    return 'CutError';
  }
}
