// A Request as a gateway request. Like an adapter's, it makes nothing that nobody asks for.

import {
  type Address,
  type Body,
  type GatewayRequest,
  type HeaderFields,
  type HeaderList,
  headerFields,
  TsgiError,
  type Upgrade,
} from '@tsgi/core';

/** One request of a fetch server. */
export class FetchedRequest implements GatewayRequest {
  readonly method: string;
  readonly mountPath: string;
  readonly id: string;
  readonly #request: Request;
  readonly #findClient: () => Address;
  /** Where the path begins in the URL of the request. */
  readonly #path: number;
  #client: Address | undefined;
  #headers: HeaderList | undefined;
  #fields: HeaderFields | undefined;
  #body: FetchedBody | null | undefined;

  constructor(request: Request, mountPath: string, id: string, findClient: () => Address) {
    this.#request = request;
    this.#findClient = findClient;
    this.method = request.method;
    this.mountPath = mountPath;
    this.id = id;
    // A Request's URL is the URL parser's: `scheme://host/path`, the slash always there.
    this.#path = request.url.indexOf('/', request.url.indexOf('//') + 2);
  }

  get target(): string {
    const { url } = this.#request;
    const hash = url.indexOf('#', this.#path);
    return hash === -1 ? url.slice(this.#path) : url.slice(this.#path, hash);
  }

  /** The host does not say; what is here is in the form of HTTP/1.1. */
  get httpVersion(): '1.1' {
    return '1.1';
  }

  get scheme(): 'http' | 'https' {
    return this.#request.url.startsWith('https:') ? 'https' : 'http';
  }

  get host(): string {
    const { url } = this.#request;
    return url.slice(url.indexOf('//') + 2, this.#path);
  }

  // With the two fields that frameworks expect on a message of HTTP/1.1, and that a Request need not have: `host`, and
  // `transfer-encoding` where there is a body without a length.
  get headers(): HeaderList {
    if (this.#headers !== undefined) return this.#headers;
    const { headers } = this.#request;
    const list: string[] = [];
    if (!headers.has('host')) list.push('host', this.host);
    for (const [name, value] of headers) list.push(name, value);
    if (this.body !== null && !headers.has('content-length') && !headers.has('transfer-encoding')) {
      list.push('transfer-encoding', 'chunked');
    }
    this.#headers = list;
    return list;
  }

  get fields(): HeaderFields {
    this.#fields ??= headerFields(this.headers);
    return this.#fields;
  }

  get body(): Body | null {
    if (this.#body === undefined) {
      const { body, headers } = this.#request;
      this.#body = body === null || headers.get('content-length') === '0' ? null : new FetchedBody(body);
    }
    return this.#body;
  }

  get trailers(): HeaderList {
    return [];
  }

  get client(): Address {
    this.#client ??= this.#findClient();
    return this.#client;
  }

  get peer(): Address {
    return this.client;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get upgrade(): Upgrade | null {
    return null;
  }

  inform(): void {}
}

/** The chunks of a stream, pulled one by one. It can be iterated once, as every body of the interface. */
class FetchedBody implements Body {
  readonly #stream: ReadableStream<Uint8Array>;
  #read = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#read) throw new TsgiError('TSGI_ERR_BODY_READ_TWICE');
    this.#read = true;
    return this.#stream[Symbol.asyncIterator]();
  }
}
