// Header lists: look-ups that ignore case, and the syntax of a field (RFC 9110 section 5).

import type { HeaderFields, HeaderList } from './interface.ts';

/** The first value of `name`, or `undefined`. `name` must be lower-case; the list's names may be spelled in any case. */
export function header(list: HeaderList, name: string): string | undefined {
  for (let i = 0; i < list.length; i += 2) {
    if (isName(list[i] as string, name)) return list[i + 1];
  }
  return undefined;
}

/** Every value of `name` in order. `name` must be lower-case. */
export function headerValues(list: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < list.length; i += 2) {
    if (isName(list[i] as string, name)) values.push(list[i + 1] as string);
  }
  return values;
}

/** Names and values in pairs, for a loop or for `new Headers(...)`. */
export function* headerEntries(list: HeaderList): Generator<[name: string, value: string], void, undefined> {
  for (let i = 0; i < list.length; i += 2) yield [list[i] as string, list[i + 1] as string];
}

/** A header list from a plain object (an array value becomes one field an element) or from pairs. */
export function headerList(
  from: Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string]>,
): string[] {
  const list: string[] = [];
  if (Symbol.iterator in from) {
    for (const [name, value] of from as Iterable<readonly [string, string]>) list.push(name, value);
    return list;
  }
  for (const name of Object.keys(from)) {
    const value = from[name] as string | readonly string[];
    if (typeof value === 'string') list.push(name, value);
    else for (const one of value) list.push(name, one);
  }
  return list;
}

// Fields that are no lists (RFC 9110 section 5.3): a second one is ignored, as node:http does.
const SINGLE = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
]);

/**
 * The look-up that {@link GatewayRequest.fields} gives, made from a list with lower-case names. It joins duplicates
 * exactly as `node:http` does, so that every framework meets what it knows.
 */
export function headerFields(list: HeaderList): HeaderFields {
  const fields: HeaderFields = {};
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    const value = list[i + 1] as string;
    const present = fields[name];
    if (name === 'set-cookie') {
      if (present === undefined) fields[name] = [value];
      else (present as string[]).push(value);
    } else if (typeof present !== 'string') {
      fields[name] = value;
    } else if (!SINGLE.has(name)) {
      fields[name] = present + (name === 'cookie' ? '; ' : ', ') + value;
    }
  }
  return fields;
}

// RFC 9110 section 5.6.2: token = 1*tchar
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110 section 5.5: visible characters, obs-text, and space or tab within; latin1 is all that the wire can carry.
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether `text` can be a field name or a method: a token of RFC 9110 section 5.6.2. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether `text` can be a field value: no CR, LF, NUL or other control character, nothing above U+00FF (RFC 9110 section 5.5). */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/**
 * Whether a field speaks of one connection only, and so is the adapter's to set (RFC 9110 section 7.6.1).
 * `name` may be spelled in any case.
 */
export function isHopByHop(name: string): boolean {
  // By length first: this runs for every field of every response.
  switch (name.length) {
    case 2:
      return isName(name, 'te');
    case 7:
      return isName(name, 'upgrade');
    case 10:
      return isName(name, 'connection') || isName(name, 'keep-alive');
    case 16:
      return isName(name, 'proxy-connection');
    case 17:
      return isName(name, 'transfer-encoding');
    default:
      return false;
  }
}

/** Whether `spelled` is `name` in any case. `name` must be lower-case. */
export function isName(spelled: string, name: string): boolean {
  return spelled.length === name.length && (spelled === name || spelled.toLowerCase() === name);
}
