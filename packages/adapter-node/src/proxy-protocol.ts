// The PROXY protocol, versions 1 and 2: a load balancer's word, in front of the first byte, about whom it speaks for.
// Source: HAProxy's "The PROXY protocol" (proxy-protocol.txt), sections 2.1 and 2.2.

import { isIP, type Socket } from 'node:net';
import { type Address, TsgiError } from '@tsgi/core';

/** What the first bytes of a connection are. `source` is null where the proxy speaks for itself, as in a health check. */
export type ProxyHeader =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly length: number; readonly source: Address | null }
  | { readonly state: 'invalid'; readonly problem: string };

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** The longest line of version 1, its end included (section 2.1). */
const LONGEST_LINE = 107;
/** Addresses need 36 bytes at most; the rest are extensions that are skipped. More than this is no load balancer's. */
const LONGEST_BLOCK = 4096;

/** Reads a PROXY header from the first bytes of a connection. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const compared = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.subarray(0, compared).equals(SIGNATURE.subarray(0, compared))) return parseBinary(bytes);
  return parseLine(bytes);
}

// Section 2.1: PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n
function parseLine(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, LONGEST_LINE);
  const start = 'PROXY '.slice(0, text.length);
  if (!text.startsWith(start)) return invalid('it does not begin with a PROXY protocol header');
  const end = text.indexOf('\r\n');
  if (end < 0) {
    return text.length < LONGEST_LINE ? { state: 'incomplete' } : invalid('its PROXY protocol line has no end');
  }
  const [, family, from = '', to = '', fromPort = '', toPort = '', more] = text.slice(0, end).split(' ');
  if (family === 'UNKNOWN') return { state: 'complete', length: end + 2, source: null };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  const sound = isIP(from) === version && isIP(to) === version && isPort(fromPort) && isPort(toPort);
  if (version === 0 || !sound || more !== undefined) return invalid('its PROXY protocol line cannot be read');
  return { state: 'complete', length: end + 2, source: { kind: 'ip', address: from, port: Number(fromPort) } };
}

// Section 2.2: the signature, version and command, family and protocol, length, addresses, extensions.
function parseBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return { state: 'incomplete' };
  const [version, command] = nibbles(bytes, 12);
  const [family] = nibbles(bytes, 13);
  const block = bytes.readUInt16BE(14);
  const length = 16 + block;
  if (version !== 2 || command > 1) return invalid('its PROXY protocol header has an unknown version or command');
  if (block > LONGEST_BLOCK) return invalid('its PROXY protocol header is too long');
  if (bytes.length < length) return { state: 'incomplete' };
  // LOCAL: the proxy's own connection.
  if (command === 0) return { state: 'complete', length, source: null };
  if (family === 1 && block >= 12) {
    const address = bytes.subarray(16, 20).join('.');
    return { state: 'complete', length, source: { kind: 'ip', address, port: bytes.readUInt16BE(24) } };
  }
  if (family === 2 && block >= 36) {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i).toString(16));
    const address = shorten(groups.join(':'));
    return { state: 'complete', length, source: { kind: 'ip', address, port: bytes.readUInt16BE(48) } };
  }
  // AF_UNSPEC and AF_UNIX name nobody that has an address.
  if (family === 0 || family === 3) return { state: 'complete', length, source: null };
  return invalid('its PROXY protocol header cannot be read');
}

/**
 * Takes the PROXY header off `socket` and leaves what follows to be read. Resolves to whom the proxy speaks for, or
 * null for the proxy itself. Rejects with `TSGI_ERR_MALFORMED`, `TSGI_ERR_REQUEST_TIMEOUT` after `ms`, or
 * `TSGI_ERR_CLIENT_GONE`.
 */
export function readProxyHeader(socket: Socket, ms: number): Promise<Address | null> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const late = new TsgiError('TSGI_ERR_REQUEST_TIMEOUT', { part: 'its PROXY header', ms });
    const timer = setTimeout(() => settle(() => reject(late)), ms);
    const gone = (): void => settle(() => reject(new TsgiError('TSGI_ERR_CLIENT_GONE', { part: 'its PROXY header' })));

    function settle(how: () => void): void {
      clearTimeout(timer);
      socket.removeListener('readable', read);
      socket.removeListener('close', gone);
      socket.removeListener('end', gone);
      socket.removeListener('error', gone);
      how();
    }

    function read(): void {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        bytes = Buffer.concat([bytes, chunk]);
      }
      const header = parseProxyHeader(bytes);
      if (header.state === 'incomplete') return;
      settle(() => {
        if (header.state === 'invalid') return reject(new TsgiError('TSGI_ERR_MALFORMED', { problem: header.problem }));
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
        resolve(header.source);
      });
    }

    socket.on('readable', read);
    socket.on('close', gone);
    socket.on('end', gone);
    socket.on('error', gone);
  });
}

function invalid(problem: string): ProxyHeader {
  return { state: 'invalid', problem };
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function nibbles(bytes: Buffer, offset: number): [high: number, low: number] {
  const byte = bytes.readUInt8(offset);
  return [byte >> 4, byte & 15];
}

/** The form of RFC 5952, which logs and trust lists use: `2001:db8:0:0:0:0:0:1` -> `2001:db8::1`. */
function shorten(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
