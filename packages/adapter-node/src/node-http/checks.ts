// What is refused before the application is asked: the request line, the header fields and the framing, against the limits.

import type { IncomingMessage } from 'node:http';
import { TsgiError } from '@tsgi/core';
import type { Limits } from '../options.ts';

// RFC 9112 section 3.2 and RFC 3986 section 3.2: a name or an address with a port, no user, no path.
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-fA-F:.]+\])(?::\d*)?$/;

/** The first reason to refuse `incoming`, or `null`. node:http has refused bad syntax already; this is what it lets pass. */
export function refusalOf(incoming: IncomingMessage, limits: Limits): TsgiError | null {
  const { headers, rawHeaders, method, url } = incoming;
  // A request line without a version is HTTP/0.9 to node:http.
  if (incoming.httpVersionMajor === 0) return malformed('it has no HTTP version');
  // "GET /path HTTP/1.1" without its line end.
  if ((method as string).length + (url as string).length + 10 > limits.requestLine) {
    return new TsgiError('TSGI_ERR_TARGET_TOO_LONG', { limit: limits.requestLine });
  }
  if (rawHeaders.length > limits.headerCount * 2) {
    return new TsgiError('TSGI_ERR_HEADERS_TOO_LARGE', { limit: `${limits.headerCount} fields` });
  }
  let bytes = 0;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    bytes += name.length + (rawHeaders[i + 1] as string).length;
    if (name.length === 4 && (name === 'Host' || name === 'host' || name.toLowerCase() === 'host')) hosts++;
  }
  if (bytes > limits.headerBytes) {
    return new TsgiError('TSGI_ERR_HEADERS_TOO_LARGE', { limit: `${limits.headerBytes} bytes` });
  }
  // RFC 9112 section 3.2: exactly one Host field in HTTP/1.1, and never two.
  if (hosts > 1 || (hosts === 0 && incoming.httpVersionMinor > 0)) {
    return malformed(hosts > 1 ? 'it has more than one Host field' : 'it has no Host field');
  }
  if (hosts === 1 && !isHost(headers.host as string)) return malformed('its Host field names no host');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    // RFC 9112 section 6.1. Codings below chunked would reach the application undecoded.
    if (coding.toLowerCase() !== 'chunked') {
      return new TsgiError('TSGI_ERR_NOT_IMPLEMENTED', { what: `the transfer coding "${printable(coding)}"` });
    }
    // A proxy of HTTP/1.0 may have passed on what it does not understand (RFC 9112 section 6.1).
    if (incoming.httpVersionMinor === 0) return malformed('it has a transfer coding in HTTP/1.0');
  }
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > limits.bodyBytes) {
    return new TsgiError('TSGI_ERR_BODY_TOO_LARGE', { limit: limits.bodyBytes });
  }
  return null;
}

// A server is asked for few hosts. The one before was checked.
let lastHost = '';

function isHost(text: string): boolean {
  if (text === lastHost) return true;
  if (!HOST.test(text)) return false;
  lastHost = text;
  return true;
}

/** A request target as the interface has it, and the authority of an absolute one; `null` when it is neither. */
export function readTarget(method: string, url: string): { target: string; authority: string | null } | null {
  if (url === '*') return method === 'OPTIONS' ? { target: url, authority: null } : null;
  // RFC 9112 section 3.2.2: absolute-form, which a server must accept although only proxies should see it.
  // User information before the host is a mistake or a trick (RFC 9110 section 4.2.4).
  const match = /^https?:\/\/([^/?#@\s]+)((?:[/?].*)?)$/i.exec(url);
  if (match === null) return null;
  const [, authority = '', rest = ''] = match;
  if (!isHost(authority)) return null;
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}

/** Refuses a request whose message breaks RFC 9112. */
export function malformed(problem: string): TsgiError {
  return new TsgiError('TSGI_ERR_MALFORMED', { problem });
}

/** Text of a client for a log line: control characters become `?`, and it ends after 100 characters. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return text.slice(0, 100).replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
