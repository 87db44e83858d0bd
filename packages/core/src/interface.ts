// The gateway interface: every type that a server and an application share. The rules behind the types
// are numbered and checked in lint/, and told in full in docs/spec.md.

/**
 * Header fields as one flat list, `[name, value, name, value, ...]`, in the order of the wire, duplicates kept.
 * Request names are lower-case; response names go out as the application spelled them.
 */
export type HeaderList = readonly string[];

/**
 * Header fields by lower-case name. Duplicates are joined by `, ` (`cookie` by `; `), except that `set-cookie` is
 * always an array, and that of a field that may stand once (`host`, `content-length`, ...) the first one counts.
 */
export type HeaderFields = Record<string, string | string[] | undefined>;

/** Who is at the other end: an IP address with its port, or a process behind a Unix socket (which has neither). */
export type Address =
  | { readonly kind: 'ip'; readonly address: string; readonly port: number }
  | { readonly kind: 'unix' };

/** The bytes of a message. It can be iterated once; the sender is held back while nobody asks for the next chunk. */
export type Body = AsyncIterable<Uint8Array>;

// biome-ignore lint/suspicious/noExplicitAny: with anything narrower a Duplex would not fit RawSocket.
type SocketListener = (...values: any[]) => void;

/**
 * A raw, connected byte stream, as an upgrade hands it over. `node:stream`'s Duplex and `node:net`'s Socket have
 * this shape; it is written out here so that the interface needs no `node:` type.
 */
export interface RawSocket {
  readonly destroyed: boolean;
  write(chunk: Uint8Array | string): boolean;
  end(chunk?: Uint8Array | string): unknown;
  destroy(error?: Error): unknown;
  on(event: string, listener: SocketListener): unknown;
  once(event: string, listener: SocketListener): unknown;
  removeListener(event: string, listener: SocketListener): unknown;
}

/** What a request to change the protocol offers (RFC 9110 section 7.8). Adapters offer `websocket` and nothing else. */
export interface Upgrade {
  readonly protocol: string;
  /** Bytes of the new protocol that came in with the request. */
  readonly head: Uint8Array;
  /**
   * Takes the socket over. From here on its bytes are the application's, who answers the handshake itself;
   * `handle` resolves to {@link TAKEN}. Throws `TSGI_ERR_UPGRADE_TAKEN` when called twice or after a response.
   */
  take(): RawSocket;
}

/** One HTTP request. Everything that costs something is a getter, and is made when it is first asked for. */
export interface GatewayRequest {
  /** As sent, case kept: methods are case-sensitive (RFC 9110 section 9.1). Never `CONNECT`. */
  readonly method: string;
  /** Origin form (`/path?query`) or `*`, as sent: no decoding, no normalisation (RFC 9112 section 3.2). */
  readonly target: string;
  /**
   * What a mount took off in front of `target`: `''`, or a path that starts with `/` and does not end with one.
   * The full path is `mountPath + target`. CGI and WSGI call it SCRIPT_NAME.
   */
  readonly mountPath: string;
  readonly httpVersion: '1.0' | '1.1' | '2.0';
  /** The scheme that the client used, through trusted proxies. */
  readonly scheme: 'http' | 'https';
  /** The authority that the client asked for, through trusted proxies: `example.org`, `[::1]:8000`; `''` if it named none. */
  readonly host: string;
  readonly headers: HeaderList;
  /**
   * The same fields as a look-up by lower-case name, derived when first asked for; see {@link headerFields} for how
   * duplicates join. The object belongs to this request: who handles the request may change it.
   */
  readonly fields: HeaderFields;
  /** `null` when no byte will come: neither `Transfer-Encoding` nor a `Content-Length` above 0 (RFC 9112 section 6.3). */
  readonly body: Body | null;
  /** Trailer fields; empty until the body has been read to its end. */
  readonly trailers: HeaderList;
  /** The real caller, through trusted proxies; the same as `peer` where none is in front. */
  readonly client: Address;
  /** The direct neighbour on the socket. */
  readonly peer: Address;
  /** `X-Request-Id` of a trusted peer, else made by the adapter; unique within the worker, 1 to 200 printable ASCII characters. */
  readonly id: string;
  /** Aborted when the client is gone or the request's time is up. */
  readonly signal: AbortSignal;
  /** `null` for an ordinary request. A response instead of {@link Upgrade.take} refuses the upgrade. */
  readonly upgrade: Upgrade | null;
  /**
   * Sends an informational response now: 102 or 103 (RFC 8297). 100 is the adapter's, sent when the body is first read.
   * Does nothing where the client speaks HTTP/1.0 or the final response has begun.
   */
  inform(status: 102 | 103, headers: HeaderList): void;
}

/** One final HTTP response. */
export interface GatewayResponse {
  /** 200 to 599. */
  readonly status: number;
  readonly headers: HeaderList;
  /** A string is sent as UTF-8. With a string or bytes the adapter adds `Content-Length` where it is missing. */
  readonly body: string | Uint8Array | Body | null;
  /** Read by the adapter after the body has ended, so a getter may compute it. Its presence asks for chunked coding. */
  readonly trailers?: HeaderList;
}

/**
 * What `handle` resolves to after {@link Upgrade.take}: there is no response, the socket is the application's. A literal,
 * because TypeScript forgets which symbol it was when an async function returns one.
 */
export const TAKEN: 'tsgi.taken' = 'tsgi.taken';

/** What `handle` may resolve to. */
export type Outcome = GatewayResponse | typeof TAKEN;

/** The part of pino's logger that the interface asks for: fields first, then one line that a person can read. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a worker tells its application. One object for a worker's whole life, not one per request. */
export interface Context {
  /** The name of the server as its operator knows it, for logs and pages. */
  readonly name: string;
  /** 1 for the first worker; 0 where there are no workers. */
  readonly worker: number;
  /** 1 for the first load of configuration and code; each reload adds one. */
  readonly generation: number;
  readonly log: Log;
  /** Aborted when the worker begins to drain: end your streams now. */
  readonly draining: AbortSignal;
  /** Work that outlives its response. A drain waits for it; a rejection is logged. */
  waitUntil(promise: Promise<unknown>): void;
  /** Tells whether this worker should get new traffic. Workers are ready when `start` has returned, unless it said otherwise. */
  setReady(ready: boolean, reason?: string): void;
}

/** A server-side program that answers requests, whatever serves it. */
export interface Application {
  /** Answers one request. It may be called again before an earlier call has resolved. */
  handle(request: GatewayRequest, context: Context): Outcome | Promise<Outcome>;
  /** Runs once, before the first request. A throw keeps the worker from becoming ready. */
  start?(context: Context): void | Promise<void>;
  /** Runs once, after the last response. */
  stop?(): void | Promise<void>;
}
