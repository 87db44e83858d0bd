// Checks of a header list that requests, responses and trailers share (RFC 9110 section 5). They name fields, never
// values: a value may be a password.

import { headerEntries, headerValues, isFieldValue, isHopByHop, isToken } from '../headers.ts';
import type { HeaderList } from '../interface.ts';
import { show } from './show.ts';

/** Why `list` is not a flat list of names and values. */
export function listProblem(list: unknown, what: string): string | undefined {
  if (!Array.isArray(list)) return `${what} is ${show(list)}, not an array`;
  if (list.length % 2 !== 0) return `${what} has ${list.length} elements: a name without a value`;
  const index = list.findIndex((element) => typeof element !== 'string');
  return index < 0 ? undefined : `${what}[${index}] is ${show(list[index])}, not a string`;
}

/** A name that is no token; with `lowerCase`, also one that is not in lower case. */
export function nameProblem(list: unknown, what: string, lowerCase = false): string | undefined {
  for (const [name] of pairs(list)) {
    if (!isToken(name)) return `${what} has the name ${show(name)}, which is not a token`;
    if (lowerCase && name !== name.toLowerCase()) return `${what} has the name ${show(name)}, which is not lower-case`;
  }
}

/** A value that cannot stand on the wire. */
export function valueProblem(list: unknown, what: string): string | undefined {
  for (const [name, value] of pairs(list)) {
    if (!isFieldValue(value)) return `${what} has a value of ${show(name)} with a character that no field can carry`;
  }
}

/** A field that speaks of the connection. */
export function hopByHopProblem(list: unknown, what: string): string | undefined {
  for (const [name] of pairs(list)) if (isHopByHop(name)) return `${what} has the hop-by-hop field ${show(name)}`;
}

/** A `Content-Length` that is there twice or is no decimal number. */
export function lengthProblem(list: unknown, what: string): string | undefined {
  const values = headerValues(wellFormed(list), 'content-length');
  if (values.length > 1) return `${what} has content-length ${values.length} times`;
  if (values.length === 1 && !/^\d+$/.test(values[0] as string)) return `${what} has content-length ${show(values[0])}`;
}

/** The announced number of bytes; `undefined` where none is announced, or not as {@link lengthProblem} wants it. */
export function announcedLength(list: unknown): number | undefined {
  const value = headerValues(wellFormed(list), 'content-length')[0];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** Names and values of `list`; none where it is not a list, so that one break is not reported by five rules. */
export function pairs(list: unknown): Iterable<[name: string, value: string]> {
  return headerEntries(wellFormed(list));
}

function wellFormed(list: unknown): HeaderList {
  return listProblem(list, '') === undefined ? (list as HeaderList) : [];
}
