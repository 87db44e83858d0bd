// The body of a request: node:http's flowing stream, pulled chunk by chunk, counted against the limit.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { type Body, TsgiError } from '@tsgi/core';
import { closeInOrder } from './refusal.ts';

/** Bytes that may wait for the reader before the socket is held back; what node:http itself would buffer. */
const HIGH_WATER_MARK = 65_536;

const BODY = Symbol('tsgi.body');
type WithBody = IncomingMessage & { [BODY]?: NodeBody };

/** The body that was made of `incoming`, where it has one. */
export function bodyOf(incoming: IncomingMessage): NodeBody | undefined {
  return (incoming as WithBody)[BODY];
}

/**
 * Iterates over the bytes of `incoming` once. The socket is read no further ahead than one buffer. Throws
 * `TSGI_ERR_BODY_TOO_LARGE` past `limit` bytes and `TSGI_ERR_CLIENT_GONE` when the client leaves before the end.
 */
export class NodeBody implements Body, AsyncIterator<Uint8Array, undefined> {
  readonly #incoming: IncomingMessage;
  readonly #limit: number;
  /** Set while the client waits for `100 Continue` (RFC 9110 section 10.1.1). */
  #waiting: ServerResponse | null;
  /** Bytes that have come so far, whoever read them. */
  received = 0;
  /** The reader has got the last byte. */
  read = false;
  #started = false;
  #givenUp = false;
  #chunks: Uint8Array[] = [];
  /** Bytes in `#chunks`. */
  #size = 0;
  #ended = false;
  #error: Error | null = null;
  #next: Promise<IteratorResult<Uint8Array, undefined>> | null = null;
  #resolve: ((result: IteratorResult<Uint8Array, undefined>) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;

  constructor(incoming: IncomingMessage, limit: number, waiting: ServerResponse | null) {
    this.#incoming = incoming;
    this.#limit = limit;
    this.#waiting = waiting;
    (incoming as WithBody)[BODY] = this;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#started) throw new TsgiError('TSGI_ERR_BODY_READ_TWICE');
    this.#start();
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#size -= chunk.byteLength;
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) {
      this.read = true;
      return Promise.resolve({ done: true, value: undefined });
    }
    if (this.#waiting !== null) {
      // Behind the head of the answer it would be taken for a part of the answer.
      if (!this.#waiting.headersSent) this.#waiting.writeContinue();
      this.#waiting = null;
    }
    if (this.#incoming.isPaused()) this.#incoming.resume();
    // Asked again before it has answered: in turn, as a generator does it.
    const after = this.#next;
    if (this.#resolve !== null && after !== null) return after.then(() => this.next());
    this.#next = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    return this.#next;
  }

  /** The reader wants no more. What still comes is thrown away, so that the connection can go on. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    // Whoever still waits for a chunk of a body that was cut must not take this for its end.
    if (this.#incoming.destroyed && !this.#incoming.complete) this.#onGone();
    this.#ended = true;
    this.#chunks = [];
    this.#settle();
    this.#incoming.resume();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** No more of it will come: `error` says why. What has arrived can still be read. */
  fail(error: Error): void {
    if (this.#ended || this.#error !== null) return;
    this.#error = error;
    this.#settle();
  }

  /**
   * The response has been sent and the rest of the message has not come. It is thrown away, so that the connection can
   * go on; past the limit of a body the connection is cut instead (RFC 9112 section 9.3).
   */
  giveUp(): void {
    const incoming = this.#incoming;
    if (incoming.complete || incoming.destroyed) return;
    if (!this.#started) this.#start();
    this.fail(new TsgiError('TSGI_ERR_BODY_GIVEN_UP'));
    this.#chunks = [];
    this.#givenUp = true;
    if (this.received > this.#limit) {
      // The answer has just been written, and a reset must not overtake it. Without a connection there is none to close.
      if (incoming.socket instanceof Socket) closeInOrder(incoming.socket);
      return;
    }
    // node:http takes the listeners off a body that nobody has begun to read when the response is through.
    incoming.read(0);
    incoming.resume();
  }

  #start(): void {
    this.#started = true;
    const incoming = this.#incoming;
    if (incoming.destroyed && !incoming.complete) {
      this.#onGone();
      return;
    }
    incoming.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    incoming.on('end', () => {
      this.#ended = true;
      this.#settle();
    });
    // A client that leaves closes the stream before its end; node:http emits an error only where somebody listens.
    incoming.on('close', () => this.#onGone());
  }

  #onData(chunk: Uint8Array): void {
    this.received += chunk.byteLength;
    if (this.#givenUp || this.#ended) {
      // Nobody wants it, and it does not end. While the answer is still to come, it only waits.
      if (this.received <= this.#limit) return;
      if (this.#givenUp) this.#incoming.destroy();
      else this.#incoming.pause();
      return;
    }
    if (this.received > this.#limit && this.#error === null) {
      this.#error = new TsgiError('TSGI_ERR_BODY_TOO_LARGE', { limit: this.#limit });
      this.#chunks = [];
      this.#settle();
      this.#incoming.pause();
      return;
    }
    if (this.#error !== null) return;
    if (this.#resolve !== null) {
      const resolve = this.#resolve;
      this.#resolve = null;
      this.#reject = null;
      resolve({ done: false, value: chunk });
    } else {
      this.#chunks.push(chunk);
      this.#size += chunk.byteLength;
      // Stopping and starting the socket costs system calls; one buffer of slack saves most of them.
      if (this.#size >= HIGH_WATER_MARK) this.#incoming.pause();
    }
  }

  #onGone(): void {
    // Every stream closes, also one that was read to its end; an error with its stack would be a hundredth of an upload.
    if (this.#ended || this.#error !== null) return;
    this.fail(new TsgiError('TSGI_ERR_CLIENT_GONE', { part: 'its body was complete' }));
  }

  #settle(): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    this.#resolve = null;
    this.#reject = null;
    if (this.#error !== null) reject?.(this.#error);
    else if (resolve !== null) {
      this.read = true;
      resolve({ done: true, value: undefined });
    }
  }
}
