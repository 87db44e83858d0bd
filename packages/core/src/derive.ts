// A request or response seen through a mount or a middleware: the same one with some of its properties changed.

import { headerFields } from './headers.ts';
import type { Address, Body, GatewayRequest, GatewayResponse, HeaderFields, HeaderList, Upgrade } from './interface.ts';

/** What a middleware may change. Everything else is the original's, and stays as lazy as it was. */
export interface RequestChanges {
  readonly target?: string;
  readonly mountPath?: string;
  readonly id?: string;
  readonly headers?: HeaderList;
  readonly signal?: AbortSignal;
  readonly body?: Body | null;
  readonly upgrade?: Upgrade | null;
}

/** What a middleware may change of a response. */
export interface ResponseChanges {
  readonly status?: number;
  readonly headers?: HeaderList;
  readonly body?: GatewayResponse['body'];
}

/**
 * `request` with `changes`. The original is left as it is; both read the same body. `changes` is read anew at every look,
 * so a getter in it is as lazy as those of the request.
 */
export function derive(request: GatewayRequest, changes: RequestChanges): GatewayRequest {
  return new DerivedRequest(request, changes);
}

// A class of getters and not a copy: a copy would ask for everything, and make what nobody wants.
class DerivedRequest implements GatewayRequest {
  readonly #request: GatewayRequest;
  readonly #changes: RequestChanges;
  #fields: HeaderFields | undefined;

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
  get fields(): HeaderFields {
    if (this.#changes.headers === undefined) return this.#request.fields;
    this.#fields ??= headerFields(this.#changes.headers);
    return this.#fields;
  }
  get body(): Body | null {
    const { body } = this.#changes;
    return body === undefined ? this.#request.body : body;
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
    const { upgrade } = this.#changes;
    return upgrade === undefined ? this.#request.upgrade : upgrade;
  }
  inform(status: 102 | 103, headers: HeaderList): void {
    this.#request.inform(status, headers);
  }
}

/**
 * `response` with `changes`. The original is left as it is: an application may answer every request with the same
 * object. Its trailers, which may be computed from the body, are still read only when the adapter reads them.
 */
export function deriveResponse(response: GatewayResponse, changes: ResponseChanges): GatewayResponse {
  const { status = response.status, headers = response.headers, body = response.body } = changes;
  if (!('trailers' in response)) return { status, headers, body };
  return {
    status,
    headers,
    body,
    get trailers(): HeaderList {
      return response.trailers as HeaderList;
    },
  };
}
