// What frameworks read of `req.socket`: addresses, whether it is encrypted, whether it is still there. Never the real
// socket: its bytes belong to the adapter, and its address may be a proxy's.

import { EventEmitter } from 'node:events';
import type { GatewayRequest } from '@tsgi/core';
import type { LightRequest } from './light-request.ts';
import { type Shell, shellOf } from './shell.ts';

const EventEmitterShell: Shell = shellOf(EventEmitter);

/** The stand-in for a socket, for one request. `remoteAddress` and `encrypted` are the resolved client's. */
export class LightSocket extends EventEmitterShell {
  declare readonly gateway: GatewayRequest;
  declare destroyed: boolean;
  declare _watched: boolean;
  declare readonly _request: LightRequest;

  constructor(request: LightRequest) {
    super();
    this.gateway = request.gateway;
    this.destroyed = false;
    this._watched = false;
    this._request = request;
  }

  get remoteAddress(): string | undefined {
    const { client } = this.gateway;
    return client.kind === 'ip' ? client.address : undefined;
  }

  get remotePort(): number | undefined {
    const { client } = this.gateway;
    return client.kind === 'ip' ? client.port : undefined;
  }

  get remoteFamily(): string | undefined {
    const { client } = this.gateway;
    if (client.kind !== 'ip') return undefined;
    return client.address.includes(':') ? 'IPv6' : 'IPv4';
  }

  get encrypted(): boolean {
    return this.gateway.scheme === 'https';
  }

  /** False when no more of the request will come; Express waits for its end before it answers an error. */
  get readable(): boolean {
    return !this.destroyed && (this._request.complete || !this._request.destroyed);
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open';
  }

  address(): object {
    return {};
  }

  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) this.once('timeout', listener);
    this._request.res.setTimeout(ms);
    return this;
  }

  // Socket options are the server's; a framework that sets them is told nothing went wrong.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  cork(): void {}
  uncork(): void {}

  /** Ends the exchange: what `res.destroy()` does. */
  destroy(error?: Error): this {
    if (!this.destroyed) this._request.res.destroy(error);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  override on(event: string | symbol, listener: (...values: never[]) => void): this {
    if (!this._watched && (event === 'close' || event === 'error' || event === 'end')) this._watch();
    return super.on(event, listener as (...values: unknown[]) => void);
  }

  override addListener(event: string | symbol, listener: (...values: never[]) => void): this {
    return this.on(event, listener);
  }

  _watch(): void {
    this._watched = true;
    const { signal } = this.gateway;
    const gone = (): void => {
      this._close();
      this._request.res._gone();
    };
    if (signal.aborted) process.nextTick(gone);
    else signal.addEventListener('abort', gone, { once: true });
  }

  /** The client is gone, or the response is through: for this request the socket is closed. */
  _close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close', false);
  }
}
