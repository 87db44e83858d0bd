// A request seen through a mount or a middleware: the same request with some of its properties changed.

import type { Address, Body, GatewayRequest, HeaderList, Upgrade } from './interface.ts';

/** What a middleware may change. Everything else is the original's, and stays as lazy as it was. */
export interface RequestChanges {
  readonly target?: string;
  readonly mountPath?: string;
  readonly id?: string;
  readonly headers?: HeaderList;
  readonly signal?: AbortSignal;
  readonly body?: Body | null;
}

/** `request` with `changes`. The original is left as it is; both read the same body. */
export function derive(request: GatewayRequest, changes: RequestChanges): GatewayRequest {
  return new DerivedRequest(request, changes);
}

// A class of getters and not a copy: a copy would ask for everything, and make what nobody wants.
class DerivedRequest implements GatewayRequest {
  readonly #request: GatewayRequest;
  readonly #changes: RequestChanges;

  constructor(request: GatewayRequest, changes: RequestChanges) {
    this.#request = request;
    this.#changes = changes;
  }

  get method(): string {
    return this.#request.method;
  }
  get target(): string {
    return this.#changes.target ?? this.#request.target;
  }
  get mountPath(): string {
    return this.#changes.mountPath ?? this.#request.mountPath;
  }
  get httpVersion(): '1.0' | '1.1' | '2.0' {
    return this.#request.httpVersion;
  }
  get scheme(): 'http' | 'https' {
    return this.#request.scheme;
  }
  get host(): string {
    return this.#request.host;
  }
  get headers(): HeaderList {
    return this.#changes.headers ?? this.#request.headers;
  }
  get body(): Body | null {
    return this.#changes.body === undefined ? this.#request.body : this.#changes.body;
  }
  get trailers(): HeaderList {
    return this.#request.trailers;
  }
  get client(): Address {
    return this.#request.client;
  }
  get peer(): Address {
    return this.#request.peer;
  }
  get id(): string {
    return this.#changes.id ?? this.#request.id;
  }
  get signal(): AbortSignal {
    return this.#changes.signal ?? this.#request.signal;
  }
  get upgrade(): Upgrade | null {
    return this.#request.upgrade;
  }
  inform(status: 102 | 103, headers: HeaderList): void {
    this.#request.inform(status, headers);
  }
}
