// A gateway request as the `req` that frameworks know: http.IncomingMessage by prototype, its stream made on first touch.

import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { GatewayRequest, HeaderFields, HeaderList } from '@tsgi/core';
import type { LightResponse } from './light-response.ts';
import { LightSocket } from './light-socket.ts';
import { http } from './node-http.ts';
import { type Shell, shellOf } from './shell.ts';

const IncomingMessageShell: Shell = shellOf(http.IncomingMessage);

/** The `req` of a bridged request. `req.gateway` is the gateway's own request. */
export class LightRequest extends IncomingMessageShell {
  declare readonly gateway: GatewayRequest;
  declare readonly res: LightResponse;
  declare method: string;
  declare url: string;
  declare aborted: boolean;
  /** The whole message has arrived. */
  declare complete: boolean;
  declare _consuming: boolean;
  declare _dumped: boolean;
  declare _watched: boolean;
  declare _pulling: boolean;
  /** The body ended by an error of the gateway, to which there may be an answer. */
  declare _refused: boolean;
  declare _iterator: AsyncIterator<Uint8Array> | null;
  declare _headers: HeaderFields | null;
  declare _socket: LightSocket | null;

  constructor(gateway: GatewayRequest) {
    super();
    this.gateway = gateway;
    this.method = gateway.method;
    this.url = gateway.target;
    this.complete = gateway.body === null;
    this._headers = null;
    this._socket = null;
  }

  get id(): string {
    return this.gateway.id;
  }
  set id(value: unknown) {
    own(this, 'id', value);
  }

  get headers(): HeaderFields {
    if (this._headers === null) {
      const fields = this.gateway.fields;
      // Behind a trusted proxy the host that counts is the one the client asked for.
      const { host } = this.gateway;
      if (host !== '' && fields.host !== host) fields.host = host;
      this._headers = fields;
    }
    return this._headers;
  }
  set headers(value: HeaderFields) {
    this._headers = value;
  }

  get rawHeaders(): HeaderList {
    return this.gateway.headers;
  }

  get headersDistinct(): Record<string, string[]> {
    return distinct(this.gateway.headers);
  }

  get trailers(): Record<string, string> {
    const trailers: Record<string, string> = {};
    for (const [name, values] of Object.entries(this.trailersDistinct)) trailers[name] = values.join(', ');
    return trailers;
  }

  get rawTrailers(): HeaderList {
    return this.gateway.trailers;
  }

  get trailersDistinct(): Record<string, string[]> {
    return distinct(this.gateway.trailers);
  }

  get httpVersion(): string {
    return this.gateway.httpVersion;
  }

  get httpVersionMajor(): number {
    return this.gateway.httpVersion === '2.0' ? 2 : 1;
  }

  get httpVersionMinor(): number {
    return this.gateway.httpVersion === '1.1' ? 1 : 0;
  }

  /** The path as the client sent it, a mount's prefix included; what Express and Fastify read under this name. */
  get originalUrl(): string {
    return this.gateway.mountPath + this.gateway.target;
  }
  set originalUrl(value: string) {
    own(this, 'originalUrl', value);
  }

  /** The prefix of the mount; where Express's own `baseUrl` begins. */
  get baseUrl(): string {
    return this.gateway.mountPath;
  }
  set baseUrl(value: string) {
    own(this, 'baseUrl', value);
  }

  get upgrade(): boolean {
    return this.gateway.upgrade !== null;
  }

  get signal(): AbortSignal {
    return this.gateway.signal;
  }
  set signal(value: AbortSignal) {
    own(this, 'signal', value);
  }

  get socket(): LightSocket {
    if (this._socket === null) this._socket = new LightSocket(this);
    return this._socket;
  }
  set socket(value: LightSocket) {
    own(this, 'socket', value);
  }

  get connection(): LightSocket {
    return this.socket;
  }

  get client(): LightSocket {
    return this.socket;
  }

  /** Node's stream state: made when a stream method first looks for it, which most requests never do. */
  get _readableState(): object {
    makeReadable(this);
    return this._readableState;
  }
  set _readableState(state: object) {
    own(this, '_readableState', state);
  }

  get _streaming(): boolean {
    return Object.hasOwn(this, '_readableState');
  }

  get destroyed(): boolean {
    if (this._streaming) return (this._readableState as { destroyed: boolean }).destroyed;
    return this.aborted || this.res._closed;
  }
  set destroyed(value: boolean) {
    if (this._streaming) (this._readableState as { destroyed: boolean }).destroyed = value;
  }

  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) this.on('timeout', listener);
    this.res.setTimeout(ms);
    return this;
  }

  override on(event: string | symbol, listener: (...values: never[]) => void): this {
    if (!this._watched && (event === 'close' || event === 'aborted')) this._watch();
    // Readable's own `on` looks at the stream state for every event; only these two need it.
    if (event === 'data' || event === 'readable' || this._streaming) {
      return Readable.prototype.on.call(
        this as unknown as Readable,
        event,
        listener as (...values: unknown[]) => void,
      ) as unknown as this;
    }
    return events.on.call(this, event, listener as (...values: unknown[]) => void) as this;
  }

  override addListener(event: string | symbol, listener: (...values: never[]) => void): this {
    return this.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...values: never[]) => void): this {
    if (!this._watched && (event === 'close' || event === 'aborted')) this._watch();
    const from = this._streaming ? (Readable.prototype as unknown as typeof events) : events;
    return from.prependListener.call(this, event, listener as (...values: unknown[]) => void) as this;
  }

  override removeListener(event: string | symbol, listener: (...values: never[]) => void): this {
    const from = this._streaming ? (Readable.prototype as unknown as typeof events) : events;
    return from.removeListener.call(this, event, listener as (...values: unknown[]) => void) as this;
  }

  override off(event: string | symbol, listener: (...values: never[]) => void): this {
    return this.removeListener(event, listener);
  }

  /**
   * Someone wants to know when the client leaves: only then is the gateway asked to say so. Not for `error`, which comes
   * from reading the body, and frameworks listen for it on every upload.
   */
  _watch(): void {
    this._watched = true;
    const { signal } = this.gateway;
    const gone = (): void => {
      this._abort();
      this.res._gone();
    };
    if (signal.aborted) process.nextTick(gone);
    else signal.addEventListener('abort', gone, { once: true });
  }

  /** The client left before its response was sent. As on node:http: `aborted`, an error where someone listens, `close`. */
  _abort(): void {
    if (this.aborted || (this._streaming && this.destroyed)) return;
    this.aborted = true;
    this.emit('aborted');
    if (this._streaming) (this as unknown as Readable).destroy(aborted());
    else process.nextTick(emitAborted, this);
  }

  /** The response is through. A request that nobody read as a stream closes now; a stream closes by itself. */
  _finish(): void {
    if (!this._streaming && !this.aborted && this.listenerCount('close') > 0) this.emit('close');
    this._socket?._close();
  }

  _read(): void {
    this._consuming = true;
    if (this._pulling) return;
    const { body } = this.gateway;
    if (body === null) {
      (this as unknown as Readable).push(null);
      return;
    }
    this._pulling = true;
    try {
      this._iterator ??= body[Symbol.asyncIterator]();
    } catch (error) {
      (this as unknown as Readable).destroy(error as Error);
      return;
    }
    (this._iterator as AsyncIterator<Uint8Array>).next().then(
      ({ done, value }) => {
        this._pulling = false;
        this.res._timer?.refresh();
        if (done === true) {
          // The end of a body that was left early is not the end of the message.
          if (!this.destroyed) this.complete = true;
          (this as unknown as Readable).push(null);
        } else (this as unknown as Readable).push(asBuffer(value));
      },
      (error: Error & { code?: string }) => {
        this._pulling = false;
        if (error.code === 'TSGI_ERR_CLIENT_GONE') {
          this._abort();
          this.res._gone();
        } else {
          this._refused = true;
          (this as unknown as Readable).destroy(error);
          // The adapter may have refused the request for it. A listener that waits for the end would never answer.
          if (!this.res._watched) this.res._watch();
        }
      },
    );
  }

  _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.complete) this._iterator?.return?.().catch(() => {});
    if (!this.aborted && !this._refused && !(this.complete && (this as unknown as Readable).readableEnded)) {
      this.aborted = true;
      this.emit('aborted');
      // As on node:http: with a request that is destroyed goes the connection. Loops and pipelines that leave a request
      // early set its socket to null before, so that there can be an answer.
      if ((this.socket as LightSocket | null) !== null) this.res.destroy();
    }
    // As node:http does: an error that nobody listens for is not thrown.
    process.nextTick(() => callback(error !== null && this.listenerCount('error') > 0 ? error : null));
  }

  /** node:http's name for reading a body to its end and dropping it. */
  _dump(): void {
    if (!this._dumped) {
      this._dumped = true;
      (this as unknown as Readable).resume();
    }
  }
}

// What most requests never change stands once on the prototype, and becomes a request's own when it is set.
Object.assign(LightRequest.prototype, {
  aborted: false,
  _consuming: false,
  _dumped: false,
  _watched: false,
  _pulling: false,
  _refused: false,
  _iterator: null,
});

const events = EventEmitter.prototype as unknown as {
  on(event: string | symbol, listener: (...values: unknown[]) => void): unknown;
  removeListener(event: string | symbol, listener: (...values: unknown[]) => void): unknown;
  prependListener(event: string | symbol, listener: (...values: unknown[]) => void): unknown;
};

function makeReadable(request: LightRequest): void {
  // Runs Node's constructor after the fact: it sets `_readableState` as an own property, by the setter above.
  Readable.call(request as unknown as Readable);
}

function emitAborted(request: LightRequest): void {
  if (request.listenerCount('error') > 0) request.emit('error', aborted());
  request.emit('close');
}

function own(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function aborted(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

function distinct(list: HeaderList): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null);
  for (let i = 0; i < list.length; i += 2) {
    const name = (list[i] as string).toLowerCase();
    const values = fields[name];
    if (values === undefined) fields[name] = [list[i + 1] as string];
    else values.push(list[i + 1] as string);
  }
  return fields;
}
