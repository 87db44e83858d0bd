// Who is calling, through which host and scheme, when a trusted proxy is in front: X-Forwarded-* or RFC 7239 Forwarded.
// Pure functions on header lists; nothing here knows a socket.

import { isIP } from 'node:net';
import { type Address, type HeaderList, headerValues } from '@tsgi/core';
import type { Trust } from './trust.ts';

/** What a chain of trusted proxies says; `undefined` where it says nothing. */
export interface Origin {
  readonly client: Address;
  readonly scheme: 'http' | 'https' | undefined;
  readonly host: string | undefined;
  readonly prefix: string | undefined;
}

/**
 * Reads the chain from the nearest hop outwards and stops at the first that is not trusted: that one is the client.
 * What stands left of it was written by the client itself and is not looked at. `peer` must be trusted already.
 */
export function readForwarded(
  style: 'x-forwarded' | 'forwarded',
  headers: HeaderList,
  peer: Address,
  trust: Trust,
): Origin {
  return style === 'forwarded' ? readRfc7239(headers, peer, trust) : readXForwarded(headers, peer, trust);
}

function readXForwarded(headers: HeaderList, peer: Address, trust: Trust): Origin {
  const hops = listItems(headers, 'x-forwarded-for');
  const { client, depth } = walk(hops.map(parseNode), peer, trust);
  // Proxies that append to the other lists too have one item a hop; most set a single one, which then holds for all.
  const at = (name: string): string | undefined => {
    const items = listItems(headers, name);
    return items[Math.max(0, items.length - 1 - depth)];
  };
  return {
    client,
    scheme: asScheme(at('x-forwarded-proto')),
    host: asHost(at('x-forwarded-host')),
    prefix: asPrefix(at('x-forwarded-prefix')),
  };
}

// RFC 7239 section 4: each proxy appends one element `for=...;proto=...;host=...;by=...`.
function readRfc7239(headers: HeaderList, peer: Address, trust: Trust): Origin {
  const elements = headerValues(headers, 'forwarded').flatMap(parseElements);
  const { client, depth } = walk(
    elements.map((element) => parseNode(element.get('for') ?? '')),
    peer,
    trust,
  );
  const element = elements[elements.length - 1 - depth];
  return {
    client,
    scheme: asScheme(element?.get('proto')),
    host: asHost(element?.get('host')),
    prefix: undefined,
  };
}

/** The right-most untrusted hop, and how many hops right of it were ours. An unreadable hop ends the chain. */
function walk(hops: readonly (Address | null)[], peer: Address, trust: Trust): { client: Address; depth: number } {
  let client = peer;
  let depth = 0;
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i] as Address | null;
    if (hop === null) break;
    client = hop;
    depth = hops.length - 1 - i;
    if (!trust(hop)) break;
  }
  return { client, depth };
}

function listItems(headers: HeaderList, name: string): string[] {
  const items: string[] = [];
  for (const value of headerValues(headers, name)) for (const item of value.split(',')) items.push(item.trim());
  return items;
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; `null` for `unknown`, `_hidden` and anything else. */
function parseNode(text: string): Address | null {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]+):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? text;
  if (isIP(address) === 0) return null;
  return { kind: 'ip', address, port: Number(match?.[2] ?? 0) };
}

// RFC 7239 section 4: forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), value = token / quoted-string.
const PAIR = /\s*([!#$%&'*+\-.^_`|~\w]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~\w]*))\s*([;,]|$)/y;

function parseElements(value: string): Map<string, string>[] {
  const elements: Map<string, string>[] = [new Map()];
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < value.length) {
    const match = PAIR.exec(value);
    // One malformed pair makes the whole field worthless: what is right of it could be the client's.
    if (match === null) return [];
    const [, name = '', quoted, token, separator] = match;
    elements.at(-1)?.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? '');
    if (separator === ',') elements.push(new Map());
  }
  return elements;
}

function asScheme(text: string | undefined): 'http' | 'https' | undefined {
  const lower = text?.toLowerCase();
  return lower === 'http' || lower === 'https' ? lower : undefined;
}

// RFC 3986 section 3.2.2, without what needs encoding: a name, an IPv4 or a bracketed IPv6 address, a port.
function asHost(text: string | undefined): string | undefined {
  return text !== undefined && /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(text) ? text : undefined;
}

// A path of plain segments: what a proxy configuration has, and nothing that a browser could take for another host.
function asPrefix(text: string | undefined): string | undefined {
  const prefix = text?.replace(/\/+$/, '');
  return prefix !== undefined && /^(?:\/[\w.~%!$&'()*+;=:@-]+)+$/.test(prefix) ? prefix : undefined;
}
