// A Response as a gateway response. A body that is whole already, as one made from a string is, goes on as bytes, so that
// the adapter can send it with its length and in one piece; any other one goes on as it comes.

import { type Body, type GatewayResponse, isHopByHop, TsgiError } from '@tsgi/core';

/**
 * What `response` says, for the wire. Throws `TSGI_ERR_RESPONSE` for what is no response, has no status that can be sent
 * (`Response.error()`), or has a body that was read before. A stream that fails at once fails here, before the head.
 */
export async function gatewayResponse(response: Response, method: string): Promise<GatewayResponse> {
  const status = statusOf(response);
  const headers: string[] = [];
  for (const [name, value] of response.headers) if (!isHopByHop(name)) headers.push(name, value);
  if (response.body === null) return { status, headers, body: null };
  if (response.body.locked || response.bodyUsed) throw unsendable('its body was read before');

  const body = await open(response.body);
  if (method !== 'HEAD') return { status, headers, body };
  // RFC 9110 section 9.3.2: the fields that GET would have, and no body.
  if (!(body instanceof Uint8Array)) await body.return();
  else if (!response.headers.has('content-length')) headers.push('content-length', String(body.byteLength));
  return { status, headers, body: null };
}

function statusOf(response: Response | undefined): number {
  if (typeof response?.status !== 'number' || typeof response.headers?.[Symbol.iterator] !== 'function') {
    throw unsendable(`the fetch function returned ${response === null ? 'null' : typeof response}, and not a Response`);
  }
  const { status } = response;
  if (status === 0) throw unsendable('it is an error response (Response.error())');
  if (status < 200) throw unsendable(`its status is ${status}; take a socket by env.gateway.upgrade.take()`);
  return status;
}

function unsendable(problem: string): TsgiError {
  return new TsgiError('TSGI_ERR_RESPONSE', { problem });
}

// How many microtasks a stream gets that has everything already, as a string's has, to give its chunk and then to say that
// it is closed. Node.js 26 needs one for each; 24, which encodes at the first read, up to three.
const PATIENCE = 4;

/** The bytes of a stream that closes at once after at most one chunk; else its chunks, only the first one read ahead. */
async function open(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | ResponseBody> {
  const reader = stream.getReader();
  const first = reader.read() as Promise<Chunk>;
  let chunk: Chunk | undefined;
  let over: 'closed' | 'failed' | undefined;
  first.then((result) => {
    chunk = result;
  }, ignore);
  reader.closed.then(
    () => {
      over = 'closed';
    },
    () => {
      over = 'failed';
    },
  );
  for (let i = 0; i < PATIENCE && chunk === undefined; i++) await undefined;
  for (let i = 0; i < PATIENCE && over === undefined; i++) await undefined;
  if (over === 'failed') await first;
  if (over === 'closed' && chunk?.done) return new Uint8Array();
  if (over === 'closed' && chunk?.value instanceof Uint8Array) return chunk.value;
  return new ResponseBody(reader, first);
}

type Chunk = IteratorResult<Uint8Array, undefined>;

/** The chunks of a response. `return()` cancels the stream behind them, also while a chunk is awaited. */
class ResponseBody implements Body, AsyncIterator<Uint8Array, undefined> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #first: Promise<Chunk> | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, first: Promise<Chunk>) {
    this.#reader = reader;
    this.#first = first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Chunk> {
    const first = this.#first;
    if (first === undefined) return this.#reader.read() as Promise<Chunk>;
    this.#first = undefined;
    return first;
  }

  async return(): Promise<Chunk> {
    this.#first = undefined;
    await this.#reader.cancel();
    return { done: true, value: undefined };
  }
}

function ignore(): void {}
