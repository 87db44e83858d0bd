// The body of a streamed response: chunks that a framework writes, in the order an adapter pulls them, with back-pressure
// towards the framework.

import type { Body } from '@tsgi/core';

type Result = IteratorResult<Uint8Array, undefined>;
type Taken = (error?: Error) => void;
const DONE: Result = { done: true, value: undefined };

/** A queue between `res.write` and the adapter. It is the body and its own iterator. */
export class ResponseQueue implements Body, AsyncIterator<Uint8Array, undefined> {
  /** Bytes that were written and not yet pulled. */
  size = 0;
  readonly #chunks: { readonly bytes: Uint8Array; readonly taken: Taken | undefined }[] = [];
  /** Called when everything that was written has been pulled. */
  readonly #onDrain: () => void;
  /** Called when the adapter wants no more: the client left. */
  readonly #onReturn: () => void;
  #ended = false;
  #error: Error | null = null;
  #resolve: ((result: Result) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;

  constructor(onDrain: () => void, onReturn: () => void) {
    this.#onDrain = onDrain;
    this.#onReturn = onReturn;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this;
  }

  /** Adds a chunk; `taken` is called when the adapter has asked for it, with an error where it never will. */
  push(bytes: Uint8Array, taken: Taken | undefined): void {
    if (this.#ended) {
      if (taken !== undefined) process.nextTick(taken, canceled());
      return;
    }
    if (this.#resolve !== null) {
      this.#settle({ done: false, value: bytes });
      if (taken !== undefined) process.nextTick(taken);
      return;
    }
    this.size += bytes.byteLength;
    this.#chunks.push({ bytes, taken });
  }

  end(): void {
    this.#ended = true;
    this.#settle(DONE);
  }

  /** Cuts the body: the adapter resets the connection, so that what arrived cannot look whole. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#drop();
    const reject = this.#reject;
    this.#resolve = null;
    this.#reject = null;
    reject?.(error);
  }

  next(): Promise<Result> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.size -= chunk.bytes.byteLength;
      if (chunk.taken !== undefined) process.nextTick(chunk.taken);
      if (this.#chunks.length === 0) this.#onDrain();
      return Promise.resolve({ done: false, value: chunk.bytes });
    }
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<Result> {
    const early = !this.#ended || this.#chunks.length > 0;
    this.#ended = true;
    this.#drop();
    this.#settle(DONE);
    if (early) this.#onReturn();
    return Promise.resolve(DONE);
  }

  /** Whoever waits for a chunk to leave hears that it never will, as on node:http. */
  #drop(): void {
    for (const { taken } of this.#chunks) if (taken !== undefined) process.nextTick(taken, canceled());
    this.#chunks.length = 0;
    this.size = 0;
  }

  #settle(result: Result): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.#reject = null;
    resolve?.(result);
  }
}

function canceled(): Error {
  return Object.assign(new Error('the response was left before this was sent'), { code: 'ECANCELED' });
}
