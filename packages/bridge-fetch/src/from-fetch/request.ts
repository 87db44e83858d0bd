// A gateway request as a Request: a real one, because `new Request(request)` and `fetch(request)` read private state that
// no stand-in has. What is expensive about one is kept off: its signal, and the way of a body through its stream.

import type { GatewayRequest } from '@tsgi/core';
import { RequestBody } from './body.ts';
import { requestUrl } from './url.ts';

/** `gateway` as a Request, or `null` when there is no such Request. */
export function bridgedRequest(gateway: GatewayRequest): Request | null {
  const url = requestUrl(gateway);
  if (url === null) return null;
  let request: BridgedRequest;
  try {
    request = new BridgedRequest(gateway, url);
  } catch {
    // The URL parser refuses some of what the grammar lets pass: a port above 65535, a host such as 1.2.3.4.5.
    return null;
  }
  // Half the price of passing them to the constructor.
  const { headers } = request;
  const list = gateway.headers;
  for (let i = 0; i < list.length; i += 2) headers.append(list[i] as string, list[i + 1] as string);
  return request as unknown as Request;
}

// The platform's types have fields where Request has accessors and methods, and a class cannot override a field by those.
interface Overridden {
  readonly headers: Headers;
  readonly bodyUsed: boolean;
  readonly signal: AbortSignal;
  text(): Promise<string>;
  json(): Promise<unknown>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  clone(): Request;
}
const StandardRequest = Request as unknown as new (url: string, init?: RequestInit) => Overridden;

const decoder = new TextDecoder();

class BridgedRequest extends StandardRequest {
  readonly #gateway: GatewayRequest;
  readonly #body: RequestBody | null;

  constructor(gateway: GatewayRequest, url: string) {
    const { method } = gateway;
    // Fetch section 5.4: a GET or HEAD request has no body; the adapter passes over one that was sent.
    const body = method === 'GET' || method === 'HEAD' || gateway.body === null ? null : new RequestBody(gateway.body);
    if (method === 'GET') super(url);
    else if (body === null) super(url, { method });
    else super(url, { method, body: body.stream, duplex: 'half' });
    this.#gateway = gateway;
    this.#body = body;
  }

  // A Request's own signal follows the one that it was made with, by a listener and a finalizer: 7 us for each request.
  override get signal(): AbortSignal {
    return this.#gateway.signal;
  }

  override clone(): Request {
    return new Request(super.clone(), { signal: this.signal });
  }

  override async text(): Promise<string> {
    const bytes = this.#read();
    return bytes === null ? super.text() : decoder.decode(await bytes);
  }

  override async json(): Promise<unknown> {
    const bytes = this.#read();
    return bytes === null ? super.json() : JSON.parse(decoder.decode(await bytes));
  }

  override async bytes(): Promise<Uint8Array> {
    const bytes = this.#read();
    return bytes === null ? super.bytes() : new Uint8Array(await bytes);
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#read();
    return bytes === null ? super.arrayBuffer() : new Uint8Array(await bytes).buffer;
  }

  /** The whole body past its stream, at half the price; `null` where the stream is in use, or there is no body. */
  #read(): Promise<Uint8Array> | null {
    if (this.#body === null || this.#body.stream.locked || this.bodyUsed) return null;
    return this.#body.read();
  }
}
