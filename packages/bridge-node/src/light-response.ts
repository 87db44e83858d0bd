// The `res` that frameworks know, collected into a gateway response: http.ServerResponse by prototype, no socket below.

import {
  type Context,
  type GatewayRequest,
  type GatewayResponse,
  type HeaderList,
  isName,
  type Outcome,
  TAKEN,
  TsgiError,
} from '@tsgi/core';
import type { LightRequest } from './light-request.ts';
import type { LightSocket } from './light-socket.ts';
import { http } from './node-http.ts';
import { flatten, type HeaderInit, type HeaderValue, OutgoingHeaders } from './outgoing-headers.ts';
import { ResponseQueue } from './response-queue.ts';
import { type Shell, shellOf } from './shell.ts';

type Callback = (error?: Error | null) => void;

/** Bytes that may wait for the adapter before `write` returns false; what a socket of node:http has. */
const HIGH_WATER_MARK = 65_536;

const ServerResponseShell: Shell = shellOf(http.ServerResponse);

/** The `res` of a bridged request. */
export class LightResponse extends ServerResponseShell {
  declare readonly gateway: GatewayRequest;
  declare readonly req: LightRequest;
  declare readonly _context: Context;
  declare statusCode: number;
  declare statusMessage: string | undefined;
  declare sendDate: boolean;
  declare shouldKeepAlive: boolean;
  declare strictContentLength: boolean;
  declare writable: boolean;
  declare _destroyed: boolean;
  declare finished: boolean;
  declare _closed: boolean;
  declare _errored: Error | null;
  declare _writableFinished: boolean;
  declare _watched: boolean;
  declare _needDrain: boolean;
  declare _headers: OutgoingHeaders | null;
  /** The head as it was sent; null before. */
  declare _head: HeaderList | null;
  declare _queue: ResponseQueue | null;
  declare _trailers: string[] | null;
  declare _outcome: Outcome | null;
  declare _resolve: ((outcome: Outcome) => void) | null;
  declare _reject: ((error: Error) => void) | null;
  declare _failure: Error | null;
  declare _timer: NodeJS.Timeout | null;

  constructor(gateway: GatewayRequest, req: LightRequest, context: Context) {
    super();
    this.gateway = gateway;
    this._context = context;
    this.req = req;
    this.statusCode = 200;
    this.statusMessage = undefined;
    this.writable = true;
    this.finished = false;
    this._closed = false;
    this._writableFinished = false;
    this._head = null;
    this._outcome = null;
    this._resolve = null;
    this._reject = null;
  }

  /** The response as soon as it is there: at once where the framework has answered already, else as a promise. */
  outcome(): Outcome | Promise<Outcome> {
    if (this._outcome !== null) return this._outcome;
    if (this._failure !== null) return Promise.reject(this._failure);
    return new Promise((resolve, reject) => {
      this._resolve = resolve;
      this._reject = reject;
    });
  }

  /** The listener failed. Behind its answer that is only for the log; before it the gateway answers; within it there is no whole answer. */
  fail(error: Error): void {
    if (this.finished) this._report(error, 'a listener failed after it had answered');
    else if (this._outcome !== null || this.destroyed) this.destroy(error);
    else {
      this.destroyed = true;
      this.writable = false;
      this._failure = error;
      this._reject?.(error);
      process.nextTick(emitDestroyed, this);
    }
  }

  /** The socket was taken over; nothing more comes from here. */
  take(): void {
    this._answer(TAKEN);
  }

  get headersSent(): boolean {
    return this._head !== null;
  }
  /** node:http's private name, which middleware asks for before it sets a header. */
  get _header(): HeaderList | null {
    return this._head;
  }
  get _headerSent(): boolean {
    return this._head !== null;
  }
  get writableEnded(): boolean {
    return this.finished;
  }
  get writableFinished(): boolean {
    return this._writableFinished;
  }
  get closed(): boolean {
    return this._closed;
  }
  /** As on node:http, also when it ended well. */
  get destroyed(): boolean {
    return this._destroyed || this._closed;
  }
  set destroyed(value: boolean) {
    this._destroyed = value;
  }
  get errored(): Error | null {
    return this._errored;
  }
  get writableLength(): number {
    return this._queue?.size ?? 0;
  }
  get writableHighWaterMark(): number {
    return HIGH_WATER_MARK;
  }
  get writableNeedDrain(): boolean {
    return !this.destroyed && !this.finished && this._needDrain;
  }
  get writableCorked(): number {
    return 0;
  }
  get writableObjectMode(): boolean {
    return false;
  }
  get chunkedEncoding(): boolean {
    return this._queue !== null;
  }
  get socket(): LightSocket {
    return this.req.socket;
  }
  get connection(): LightSocket {
    return this.req.socket;
  }

  setHeader(name: string, value: HeaderValue): this {
    this._open('set').set(name, value);
    return this;
  }

  setHeaders(headers: Headers | Map<string, HeaderValue>): this {
    const fields = this._open('set');
    for (const [name, value] of headers as Map<string, HeaderValue>) {
      // Headers gives each set-cookie as an entry of its own.
      if (name === 'set-cookie' && headers instanceof Headers) fields.append(name, value);
      else fields.set(name, value);
    }
    return this;
  }

  appendHeader(name: string, value: HeaderValue): this {
    this._open('append').append(name, value);
    return this;
  }

  getHeader(name: string): HeaderValue | undefined {
    return this._headers?.get(name);
  }

  getHeaders(): Record<string, HeaderValue> {
    return this._headers?.all() ?? Object.create(null);
  }

  getHeaderNames(): string[] {
    return this._headers?.names() ?? [];
  }

  getRawHeaderNames(): string[] {
    return this._headers?.rawNames() ?? [];
  }

  hasHeader(name: string): boolean {
    return this._headers?.has(name) ?? false;
  }

  removeHeader(name: string): void {
    this._open('remove').remove(name);
  }

  writeHead(status: number, reason?: string | HeaderInit, init?: HeaderInit): this {
    if (this._head !== null) throw sent('write');
    const code = status | 0;
    // As node:http: any three digits; what the interface does not take is refused by the adapter.
    if (code < 100 || code > 999) {
      throw Object.assign(new RangeError(`Invalid status code: ${status}`), { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
    }
    this.statusCode = code;
    if (typeof reason === 'string') this.statusMessage = reason;
    else this.statusMessage ??= http.STATUS_CODES[code] ?? 'unknown';
    const given = (typeof reason === 'string' ? init : (init ?? reason)) as HeaderInit | undefined;
    if (this._headers === null) this._head = given ? flatten(given) : [];
    else {
      if (given) this._headers.merge(given);
      this._head = this._headers.list();
    }
    return this;
  }

  /** Called by name, so that middleware which wraps writeHead sees the head of every response. */
  _implicitHeader(): void {
    this.writeHead(this.statusCode);
  }

  flushHeaders(): void {
    if (this._head === null) this._implicitHeader();
    this._stream();
  }

  writeContinue(callback?: Callback): void {
    // The adapter sends it when the body is first read.
    if (callback) process.nextTick(callback);
  }

  writeProcessing(callback?: Callback): void {
    this.gateway.inform(102, []);
    if (callback) process.nextTick(callback);
  }

  writeEarlyHints(hints: Readonly<Record<string, string | readonly string[]>>, callback?: Callback): void {
    this.gateway.inform(103, flatten(hints));
    if (callback) process.nextTick(callback);
  }

  write(chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    const done = typeof encoding === 'function' ? encoding : callback;
    if (this.finished || this.destroyed) return this._lateWrite(done);
    const bytes = toBytes(chunk, typeof encoding === 'string' ? encoding : undefined);
    if (this._head === null) this._implicitHeader();
    if (!this._hasBody()) {
      if (done) process.nextTick(done);
      return true;
    }
    this._timer?.refresh();
    const queue = this._stream();
    if (bytes.byteLength > 0) queue.push(bytes, done);
    else if (done) process.nextTick(done);
    if (queue.size < HIGH_WATER_MARK) return true;
    this._needDrain = true;
    return false;
  }

  end(chunk?: unknown, encoding?: BufferEncoding | Callback | null, callback?: Callback | null): this {
    let last = chunk;
    let done = callback ?? undefined;
    if (typeof chunk === 'function') {
      done = chunk as Callback;
      last = undefined;
    } else if (typeof encoding === 'function') done = encoding;
    if (this.finished) {
      if (last) this._lateWrite(done);
      else if (done) process.nextTick(done, alreadyFinished());
      return this;
    }
    if (this.destroyed) {
      if (done) process.nextTick(done, destroyedError());
      return this;
    }
    const code = typeof encoding === 'string' ? encoding : undefined;
    const body = last === undefined || last === null || last === '' ? null : whole(last, code);
    if (this._head === null) this._implicitHeader();
    this.finished = true;
    this.writable = false;
    if (done) this.once('finish', done);
    if (this._queue !== null) {
      if (body !== null && this._hasBody()) this._queue.push(toBytes(body, undefined), undefined);
      this._queue.end();
      // `finish` waits until the adapter has taken the last chunk.
      if (this._queue.size > 0) return this;
    } else this._answer(this._response(this._hasBody() ? body : null));
    process.nextTick(finish, this);
    return this;
  }

  addTrailers(headers: HeaderInit): void {
    this._trailers ??= [];
    this._trailers.push(...flatten(headers));
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.writable = false;
    this._errored = error ?? null;
    if (!this.finished || this._queue !== null) {
      const failure = error ?? Object.assign(new Error('the response was destroyed'), { code: 'ECONNRESET' });
      if (this._queue !== null) this._queue.fail(failure);
      // Nothing of an answer: as on node:http the client sees its connection reset.
      else if (this._outcome === null) this._answer({ status: 500, headers: [], body: cutBy(failure) });
    }
    process.nextTick(emitDestroyed, this);
    return this;
  }

  /** As on node:http: `timeout` after `ms` without a byte in or out, and without a listener for it the end of the connection. */
  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) this.on('timeout', listener);
    if (this._timer !== null) clearTimeout(this._timer);
    this._timer = ms > 0 && !this._closed ? setTimeout(timedOut, ms, this).unref() : null;
    return this;
  }

  cork(): void {}
  uncork(): void {}
  assignSocket(): void {}
  detachSocket(): void {}

  /** A response cannot be read. */
  pipe(): void {
    this.emit('error', Object.assign(new Error('Cannot pipe, not readable'), { code: 'ERR_STREAM_CANNOT_PIPE' }));
  }

  override on(event: string | symbol, listener: (...values: never[]) => void): this {
    if (event === 'close' && !this._watched) this._watch();
    return super.on(event, listener as (...values: unknown[]) => void);
  }

  override addListener(event: string | symbol, listener: (...values: never[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...values: never[]) => void): this {
    if (event === 'close' && !this._watched) this._watch();
    return super.prependListener(event, listener as (...values: unknown[]) => void);
  }

  _watch(): void {
    this._watched = true;
    const { signal } = this.gateway;
    if (signal.aborted) process.nextTick(() => this._gone());
    else signal.addEventListener('abort', () => this._gone(), { once: true });
  }

  /** The client left before the end of the response. */
  _gone(): void {
    if (this._closed || this._writableFinished) return;
    this.destroyed = true;
    this.writable = false;
    this._queue?.return();
    if (this._outcome === null) {
      // Whatever a handler answers from now on goes nowhere, and many answer nothing. The cause tells a client that left
      // from a time limit that ran out.
      const { reason: cause } = this.gateway.signal;
      this._failure = new TsgiError('TSGI_ERR_CLIENT_GONE', { part: 'the application had answered' }, { cause });
      this._reject?.(this._failure);
    }
    // Also where nobody watched these two: Fastify asks them whether an answer that is late still has somebody to go to.
    this.req._abort();
    close(this);
    this.req._finish();
  }

  _open(action: string): OutgoingHeaders {
    if (this._head !== null) throw sent(action);
    this._headers ??= new OutgoingHeaders();
    return this._headers;
  }

  _hasBody(): boolean {
    return this.req.gateway.method !== 'HEAD' && this.statusCode !== 204 && this.statusCode !== 304;
  }

  /** The queue behind a body whose end is not known yet; the gateway gets its response now. */
  _stream(): ResponseQueue {
    if (this._queue === null) {
      this._queue = new ResponseQueue(
        () => this._drained(),
        () => this._gone(),
      );
      this._answer(this._response(this._hasBody() ? this._queue : null));
    }
    return this._queue;
  }

  _response(body: GatewayResponse['body']): GatewayResponse {
    // RFC 9110 section 8.6: a 204 has no length, not even of nothing.
    const headers = this.statusCode === 204 ? withoutLength(this._head as HeaderList) : (this._head as HeaderList);
    if (body === null || (this._trailers === null && !mentionsTrailers(headers))) {
      return { status: this.statusCode, headers, body };
    }
    const { _trailers: early } = this;
    // Trailers are added while the body is written; the adapter asks for them after its end.
    const trailers = (): HeaderList => this._trailers ?? early ?? [];
    return {
      status: this.statusCode,
      headers,
      body,
      get trailers() {
        return trailers();
      },
    };
  }

  _answer(outcome: Outcome): void {
    this._outcome = outcome;
    this._resolve?.(outcome);
  }

  _drained(): void {
    if (this.finished) process.nextTick(finish, this);
    else if (this._needDrain) {
      this._needDrain = false;
      process.nextTick(emitDrain, this);
    }
  }

  _lateWrite(done: Callback | undefined): boolean {
    const error = this.destroyed ? destroyedError() : writeAfterEnd();
    if (done) process.nextTick(done, error);
    // As node:http: writing after the end is an error of the program, writing to a client that left is not.
    if (!this.destroyed) process.nextTick(emitError, this, error);
    return false;
  }

  _report(error: Error, message: string): void {
    const { id, method, target } = this.gateway;
    this._context.log.error({ err: error, requestId: id, method, target }, message);
  }
}

// What most responses never change stands once on the prototype, and becomes a response's own when it is set. Together
// with what end-of-stream helpers look for to recognise a response of node:http.
Object.assign(LightResponse.prototype, {
  sendDate: true,
  shouldKeepAlive: true,
  strictContentLength: false,
  _destroyed: false,
  _errored: null,
  _watched: false,
  _needDrain: false,
  _headers: null,
  _queue: null,
  _trailers: null,
  _failure: null,
  _timer: null,
  _sent100: false,
  _defaultKeepAlive: true,
  _removedConnection: false,
  _removedContLen: false,
  _removedTE: false,
});

/** The gateway has all of it: `finish`, then `close`, as after the last byte on node:http. */
function finish(response: LightResponse): void {
  if (response._writableFinished || response._closed) return;
  response._writableFinished = true;
  response.emit('finish');
  close(response);
  response.req._finish();
}

function close(response: LightResponse): void {
  if (response._closed) return;
  response._closed = true;
  if (response._timer !== null) clearTimeout(response._timer);
  response.emit('close');
}

function emitDrain(response: LightResponse): void {
  if (!response.destroyed) response.emit('drain');
}

function emitError(response: LightResponse, error: Error): void {
  // An error that nobody listens for would end the process, and other requests with it.
  if (response.listenerCount('error') > 0) response.emit('error', error);
  else response._report(error, 'a listener wrote to a response that it had ended');
}

// Without `error`, as on node:http: whoever pipes into a response would have it thrown.
function emitDestroyed(response: LightResponse): void {
  // The connection goes, and its request with it.
  response.req._abort();
  close(response);
  response.req._finish();
}

function timedOut(response: LightResponse): void {
  const heard = [response.req, response].map((side) => side.emit('timeout', response.socket));
  if (!heard.includes(true)) response.destroy();
}

/** A body that is cut before its first byte. */
function cutBy(error: Error): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

function withoutLength(headers: HeaderList): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!isName(name, 'content-length')) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

function mentionsTrailers(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (isName(name, 'trailer')) return true;
  }
  return false;
}

function whole(chunk: unknown, encoding: BufferEncoding | undefined): string | Uint8Array {
  const utf8 = encoding === undefined || encoding === 'utf8' || encoding === 'utf-8';
  return typeof chunk === 'string' && utf8 ? chunk : toBytes(chunk, encoding);
}

function toBytes(chunk: unknown, encoding: BufferEncoding | undefined): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  const message =
    chunk === null
      ? 'May not write null values to stream'
      : 'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array';
  throw Object.assign(new TypeError(message), {
    code: chunk === null ? 'ERR_STREAM_NULL_VALUES' : 'ERR_INVALID_ARG_TYPE',
  });
}

function sent(action: string): Error {
  return Object.assign(new Error(`Cannot ${action} headers after they are sent to the client`), {
    code: 'ERR_HTTP_HEADERS_SENT',
  });
}

function writeAfterEnd(): Error {
  return Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
}

function alreadyFinished(): Error {
  return Object.assign(new Error('Cannot call end after a stream was finished'), {
    code: 'ERR_STREAM_ALREADY_FINISHED',
  });
}

function destroyedError(): Error {
  return Object.assign(new Error('Cannot call write after a stream was destroyed'), { code: 'ERR_STREAM_DESTROYED' });
}
