// The HTTP engine on node:http: one server, its listener, its connections and what goes wrong on them.

import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { type Stats, TsgiError } from '@tsgi/core';
import type { CreateEngine, Engine, EngineOptions, ListenTarget } from '../engine.ts';
import { readProxyHeader } from '../proxy-protocol.ts';
import { bodyOf } from './body.ts';
import { malformed } from './checks.ts';
import { addressOf, connectionOf, inheritConnection } from './connection.ts';
import { http, loadHttps } from './modules.ts';
import { writeRefusal } from './refusal.ts';
import { Translator } from './translator.ts';

/** How much node:http lets pass beyond our limits, so that it is ours that tell a long target from long fields. */
const HEADROOM = 16_384;

/** Makes an engine on `node:http`, or on `node:https` where a certificate is given. */
export const createNodeHttpEngine: CreateEngine = (options) => new NodeHttpEngine(options);

class NodeHttpEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #translator: Translator;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that a refusal ends: it is on its way, and nothing more is taken from them. */
  readonly #refused = new WeakSet<Socket>();
  /** Responses that wait for their turn, on connections whose client does not wait for answers. */
  readonly #waiting = new WeakMap<Socket, Set<ServerResponse>>();
  /** Connections that still owe a PROXY header or a TLS handshake. */
  readonly #arriving = new Set<Socket>();
  #accepted = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    const translator = new Translator({
      ...options,
      refuse: (incoming, outgoing, status) => {
        this.#refused.add(incoming.socket);
        // Behind the answers to the requests before it (RFC 9112 section 9.3.2).
        if (outgoing.socket === null) outgoing.once('socket', (socket) => writeRefusal(socket, status));
        else writeRefusal(incoming.socket, status);
      },
    });
    this.#translator = translator;
    const { limits } = options;
    const settings: ServerOptions = {
      keepAliveTimeout: options.keepAlive,
      headersTimeout: limits.headerTime,
      requestTimeout: Math.max(limits.headerTime, limits.bodyTime),
      // Time limits are noticed on this beat.
      connectionsCheckingInterval: Math.max(50, Math.min(5000, limits.headerTime / 4, limits.bodyTime / 4)),
      maxHeaderSize: limits.requestLine + limits.headerBytes + HEADROOM,
      // Counted in checks.ts, which also refuses two of them.
      requireHostHeader: false,
      // A request without a body needs no stream events.
      optimizeEmptyRequests: true,
      // `Upgrade: h2c` and the like are ordinary requests (RFC 9110 section 7.8); so is a websocket one with a body, and
      // one behind a request whose answer still needs the socket.
      shouldUpgradeCallback: ({ method, headers, socket }) =>
        method === 'GET' &&
        headers.upgrade?.toLowerCase() === 'websocket' &&
        headers['content-length'] === undefined &&
        headers['transfer-encoding'] === undefined &&
        messageOn(socket) === null,
    };
    const server = options.tls
      ? loadHttps().createServer({ ...settings, cert: asPem(options.tls.cert), key: asPem(options.tls.key) })
      : http.createServer(settings);
    this.#server = server;
    // 0 turns node:http's own cut off; checks.ts counts.
    server.maxHeadersCount = 0;
    server.on('request', (incoming, outgoing) => {
      if (outgoing.socket === null) this.#await(incoming.socket, outgoing);
      if (this.#mayFollow(incoming)) translator.request(incoming, outgoing, false);
    });
    const expectation = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
      if (this.#mayFollow(incoming)) translator.expectation(incoming, outgoing);
    };
    server.on('checkContinue', expectation);
    server.on('checkExpectation', expectation);
    server.on('upgrade', (incoming, socket, head) => translator.upgrade(incoming, socket as Socket, head));
    server.on('connect', ({ socket }) => {
      // node:http let go of the socket, and answers to earlier requests may still be on their way: that their client
      // leaves is ours to notice, and to tell.
      socket.on('error', () => socket.destroy());
      socket.on('end', () => socket.destroy());
      socket.on('close', () => {
        for (const outgoing of this.#waiting.get(socket) ?? []) outgoing.destroy();
      });
      socket.resume();
      this.#refuseOnce(socket, new TsgiError('TSGI_ERR_NOT_IMPLEMENTED', { what: 'CONNECT' }));
    });
    server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket));
    this.#interceptConnections();
  }

  get accepted(): number {
    return this.#accepted;
  }

  listen(target: ListenTarget): Promise<{ host: string; port: number } | string> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const listening = (): void => {
        server.removeListener('error', reject);
        // A listener that fails later, for want of descriptors say, goes on with the next connection.
        server.on('error', (error) => this.#options.log.error({ err: error }, 'the listener reported an error'));
        // null for the inherited descriptor of a Unix socket: libuv asks for an IP address alone.
        const address = server.address() as AddressInfo | string | null;
        resolve(
          address === null || typeof address === 'string'
            ? (address ?? '')
            : { host: address.address, port: address.port },
        );
      };
      // Beside a socket that exists, the backlog counts as an argument only: in the object it is passed over for 511.
      if ('bound' in target) server.listen(target.bound, target.backlog, listening);
      else if ('fd' in target) server.listen({ fd: target.fd }, target.backlog, listening);
      else server.listen(target, listening);
    });
  }

  lastCall(): void {
    this.#translator.closing = true;
  }

  shed(count: number): void {
    this.#translator.shed(Math.min(count, this.#sockets.size));
  }

  closeListener(): Promise<void> {
    return new Promise((resolve) => {
      // Not http.Server's own close(): that one closes idle connections at once, and a request that is just on its way
      // on one of them is lost.
      NetServer.prototype.close.call(this.#server, () => {
        // All is closed; this stops the timer that looked after time limits.
        this.#server.close(() => {});
        // The listener counts a connection out before its socket says 'close'.
        const rest = Array.from(this.#sockets, (socket) => new Promise((closed) => socket.once('close', closed)));
        Promise.all(rest).then(() => resolve());
      });
    });
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
    // Those that node:http does not know yet can have nothing in flight.
    for (const socket of this.#arriving) socket.destroy();
    // Node.js 24 passes over the connections that have never asked for anything.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stats(): Stats {
    const { inFlight, requests, refused, aborted, responses } = this.#translator;
    return { connections: this.#sockets.size, inFlight, requests, refused, aborted, responses: [...responses] };
  }

  /**
   * Puts our own listener before node:http's: connections over the limit are answered and closed, which
   * `server.maxConnections` would drop without a word, and a PROXY protocol header is taken off.
   */
  #interceptConnections(): void {
    const server = this.#server;
    const { limits, trust, proxyProtocol } = this.#options;
    const original = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    const { tls } = this.#options;
    const proceed = (socket: Socket): void => {
      if (tls === undefined) this.#arriving.delete(socket);
      for (const listener of original) listener.call(server, socket);
    };
    server.on('connection', (socket: Socket) => {
      this.#accepted++;
      this.#sockets.add(socket);
      if (tls !== undefined || proxyProtocol) this.#arriving.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#arriving.delete(socket);
      });
      if (this.#sockets.size > limits.connections) {
        this.#refuse(socket, new TsgiError('TSGI_ERR_CONNECTIONS', { limit: limits.connections }));
        return;
      }
      // Only a trusted peer may speak for others, and such a peer must: whether a header is there is never guessed.
      if (!proxyProtocol || !trust(addressOf(socket))) {
        connectionOf(socket, trust);
        proceed(socket);
        return;
      }
      readProxyHeader(socket, limits.headerTime).then(
        (source) => {
          connectionOf(socket, trust, source ?? undefined);
          proceed(socket);
        },
        (error: unknown) => {
          // A load balancer that knocks, to see whether somebody is there, is no reason for a line in the log.
          if ((error as TsgiError).code === 'TSGI_ERR_CLIENT_GONE') socket.destroy();
          else this.#refuse(socket, error as TsgiError);
        },
      );
    });
    if (tls !== undefined) {
      server.prependListener('secureConnection', (secure: Socket & { _parent?: Socket }) => {
        if (secure._parent !== undefined) this.#arriving.delete(secure._parent);
        inheritConnection(secure, secure._parent, trust);
      });
    }
  }

  #await(socket: Socket, outgoing: ServerResponse): void {
    const waiting = this.#waiting.get(socket) ?? new Set();
    this.#waiting.set(socket, waiting.add(outgoing));
    outgoing.once('socket', () => waiting.delete(outgoing));
  }

  /**
   * Whether a request may be handled: not behind one that was refused (RFC 9112 section 9.6). Where the framing of that
   * one was in doubt, what looks like a request may be a part of its body, put there for us to find.
   */
  #mayFollow(incoming: IncomingMessage): boolean {
    if (!this.#refused.has(incoming.socket)) return true;
    incoming.resume();
    return false;
  }

  #refuse(socket: Socket, error: TsgiError): void {
    this.#translator.noteRefusal(error, socket);
    // To a client that expects TLS an answer in plain text is noise.
    if (this.#options.tls) socket.destroy();
    else writeRefusal(socket, error.status);
  }

  #onClientError(error: Error & { code?: string; rawPacket?: Buffer; bytesParsed?: number }, socket: Socket): void {
    // A reset or a cut connection concerns nobody.
    if (
      error.code === 'ECONNRESET' ||
      error.code === 'EPIPE' ||
      error.code === 'HPE_INVALID_EOF_STATE' ||
      (!socket.writable && !this.#refused.has(socket))
    ) {
      socket.destroy();
      return;
    }
    this.#refuseOnce(socket, this.#refusalOfError(error, socket));
  }

  #refuseOnce(socket: Socket, refusal: TsgiError): void {
    // The parser reports every packet that follows as well.
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    this.#translator.noteRefusal(refusal, socket);
    this.#refuseInTurn(socket, refusal);
  }

  /** Sends a refusal behind the answers to the requests before it (RFC 9112 section 9.3.2). */
  #refuseInTurn(socket: Socket, refusal: TsgiError): void {
    const current = messageOn(socket);
    if (current === null) writeRefusal(socket, refusal.status);
    else if (current.req.complete) current.once('finish', () => this.#refuseInTurn(socket, refusal));
    else {
      // It is the message that is being answered that is refused: its body.
      bodyOf(current.req)?.fail(refusal);
      // An answer has begun: another one cannot follow within it.
      if (current.headersSent) socket.destroy();
      else {
        current.detachSocket(socket);
        writeRefusal(socket, refusal.status);
        // For the application this is a client that has left.
        (current as { destroyed: boolean }).destroyed = true;
        current.emit('close');
      }
    }
  }

  #refusalOfError(
    error: Error & { code?: string; rawPacket?: Buffer; bytesParsed?: number },
    socket: Socket,
  ): TsgiError {
    const { limits } = this.#options;
    const packet = error.rawPacket?.toString('latin1') ?? '';
    switch (error.code) {
      case 'ERR_HTTP_REQUEST_TIMEOUT': {
        const body = (socket as Socket & { parser?: { incoming?: unknown } }).parser?.incoming != null;
        const ms = body ? limits.bodyTime : limits.headerTime;
        return new TsgiError('TSGI_ERR_REQUEST_TIMEOUT', { part: body ? 'its body' : 'its head', ms });
      }
      case 'HPE_HEADER_OVERFLOW': {
        // node:http counts target and fields together. In the first packet of a connection it shows which one it was;
        // later ones have lost the beginning of their request.
        const line = packet.indexOf('\n');
        const first = socket.bytesRead === error.rawPacket?.byteLength;
        return first && (line < 0 || line > limits.requestLine)
          ? new TsgiError('TSGI_ERR_TARGET_TOO_LONG', { limit: limits.requestLine })
          : new TsgiError('TSGI_ERR_HEADERS_TOO_LARGE', { limit: `${limits.headerBytes} bytes` });
      }
      case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
        return new TsgiError('TSGI_ERR_BODY_TOO_LARGE', { limit: limits.bodyBytes });
      case 'HPE_INVALID_TRANSFER_ENCODING': {
        // The same code for an unknown coding, which we do not implement, and for one beside a length, which is an
        // attempt at request smuggling (RFC 9112 section 6.3) or a mistake.
        const head = packet.slice(0, error.bytesParsed);
        const coding = /\ntransfer-encoding:[ \t]*([^\r\n]*)/i.exec(head)?.[1]?.toLowerCase();
        const smuggling = /\ncontent-length:/i.test(packet) || coding === undefined || coding.includes('chunked');
        return smuggling
          ? malformed('its framing is ambiguous')
          : new TsgiError('TSGI_ERR_NOT_IMPLEMENTED', { what: `the transfer coding "${coding}"` });
      }
      default:
        // Words of the parser, such as "Invalid header token"; nothing of what the client sent.
        return malformed((error as { reason?: string }).reason ?? error.message);
    }
  }
}

/** The response that `socket` is sending, or is waiting to send. node:http has no public name for it. */
function messageOn(socket: Socket): ServerResponse | null {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}

function asPem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}
