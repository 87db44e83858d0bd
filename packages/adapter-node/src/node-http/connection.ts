// What is known of a connection as a whole, kept on its socket: who is at the other end, and whether to believe it.

import type { Socket } from 'node:net';
import type { Address } from '@tsgi/core';
import type { Trust } from '../trust.ts';

/** Facts of one connection, worked out once and not for each request. */
export interface Connection {
  readonly peer: Address;
  /** Whom the peer spoke for in its PROXY protocol header; the peer itself where there was none. */
  readonly source: Address;
  readonly trusted: boolean;
  readonly scheme: 'http' | 'https';
  /** Milliseconds on the monotonic clock when it was accepted. */
  readonly openedAt: number;
  /** Requests so far; counted only where a setting asks for it. */
  requests: number;
}

const CONNECTION = Symbol('tsgi.connection');
type Marked = Socket & { [CONNECTION]?: Connection; readonly encrypted?: boolean };

/** The facts of `socket`'s connection; made now if nobody has before, as for a socket that another server accepted. */
export function connectionOf(socket: Socket, trust: Trust, source?: Address): Connection {
  const marked = socket as Marked;
  let connection = marked[CONNECTION];
  if (connection === undefined) {
    const peer = addressOf(socket);
    const scheme = marked.encrypted === true ? 'https' : 'http';
    connection = {
      peer,
      source: source ?? peer,
      trusted: trust(peer),
      scheme,
      openedAt: performance.now(),
      requests: 0,
    };
    marked[CONNECTION] = connection;
  }
  return connection;
}

/** The facts of the plain socket below a TLS one hold for the TLS socket too, but for the scheme. */
export function inheritConnection(tls: Socket, plain: Socket | undefined, trust: Trust): void {
  const below = (plain as Marked | undefined)?.[CONNECTION];
  if (below !== undefined) (tls as Marked)[CONNECTION] = { ...below, scheme: 'https' };
  else connectionOf(tls, trust);
}

/** Who is at the other end of `socket`. */
export function addressOf(socket: Socket): Address {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) {
    // A Unix socket has no addresses. A TCP socket whose client reset it has lost the remote one, although its request
    // can still be read: taken for a Unix peer, it would be trusted.
    const unix = !socket.destroyed && socket.localAddress === undefined;
    return unix ? { kind: 'unix' } : { kind: 'ip', address: '0.0.0.0', port: 0 };
  }
  // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2); lists of proxies do not.
  const address = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress;
  return { kind: 'ip', address, port: remotePort ?? 0 };
}
