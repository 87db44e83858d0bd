// Who asks: somebody on this machine with no proxy in between, such as its monitor, or anybody else.

import type { FastifyRequest } from 'fastify';
import type { Host } from '../host.ts';

/** What proxies say of the client and of themselves (RFC 7239, RFC 9110 section 7.6.3, and what was there before). */
export const FORWARDING_HEADERS = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

// Loopback as the kernel writes it: 127.0.0.0/8, ::1, and the former in a socket for both kinds of address.
const LOOPBACK = /^(?:::ffff:)?127\.|^\[?::1\]?:[^:]*$/;

/**
 * Whether the request comes straight from a process of this machine. A proxy on this machine that forwards without a word
 * of it in the headers cannot be told from that: it should add X-Forwarded-For, as the deployment kit's does.
 */
export function isDirect(request: FastifyRequest, host: Host): boolean {
  const peer = host.peerOf(request.raw);
  if (peer !== 'unix' && !LOOPBACK.test(peer)) return false;
  return FORWARDING_HEADERS.every((name) => request.headers[name] === undefined);
}
