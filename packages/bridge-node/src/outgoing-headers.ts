// The header fields that a framework sets one by one: names keep their spelling, look-ups ignore case, order is that of
// the first setting, and everything is checked when it is set, as on node:http.

import { isHopByHop } from '@tsgi/core';
import { http } from './node-http.ts';

const { validateHeaderName, validateHeaderValue } = http;

/** What node:http takes as a value. */
export type HeaderValue = string | number | readonly string[];
/** What node:http takes for many fields at once. */
export type HeaderInit = Readonly<Record<string, HeaderValue | undefined>> | readonly HeaderValue[];

/** The fields set so far, by lower-case name. */
export class OutgoingHeaders {
  readonly #fields: Map<string, { readonly name: string; readonly value: HeaderValue }> = new Map();

  set(name: string, value: HeaderValue): void {
    validateHeaderName(name);
    checkValue(name, value);
    this.#fields.set(name.toLowerCase(), { name, value });
  }

  append(name: string, value: HeaderValue): void {
    const present = this.#fields.get(name.toLowerCase());
    if (present === undefined) {
      this.set(name, value);
      return;
    }
    checkValue(name, value);
    const values = [present.value, value].flat().map(String);
    this.#fields.set(name.toLowerCase(), { name: present.name, value: values });
  }

  get(name: string): HeaderValue | undefined {
    return this.#fields.get(name.toLowerCase())?.value;
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  remove(name: string): void {
    this.#fields.delete(name.toLowerCase());
  }

  names(): string[] {
    return [...this.#fields.keys()];
  }

  rawNames(): string[] {
    return Array.from(this.#fields.values(), ({ name }) => name);
  }

  all(): Record<string, HeaderValue> {
    const all: Record<string, HeaderValue> = Object.create(null);
    for (const [name, { value }] of this.#fields) all[name] = value;
    return all;
  }

  /** What writeHead adds: each given field replaces one that was set before. */
  merge(init: HeaderInit): void {
    if (!Array.isArray(init)) {
      for (const name of Object.keys(init)) this.set(name, (init as Record<string, HeaderValue>)[name] as HeaderValue);
      return;
    }
    const list = flatten(init);
    for (let i = 0; i < list.length; i += 2) this.remove(list[i] as string);
    for (let i = 0; i < list.length; i += 2) this.append(list[i] as string, list[i + 1] as string);
  }

  list(): string[] {
    const list: string[] = [];
    for (const { name, value } of this.#fields.values()) if (!isHopByHop(name)) push(list, name, value);
    return list;
  }
}

/** A header list from what writeHead was given: checked, and without the fields that are the adapter's to set. */
export function flatten(init: HeaderInit): string[] {
  const list: string[] = [];
  if (!Array.isArray(init)) {
    const fields = init as Record<string, HeaderValue>;
    for (const name in fields) if (Object.hasOwn(fields, name)) pushChecked(list, name, fields[name] as HeaderValue);
  } else if (Array.isArray(init[0])) {
    for (const [name, value] of init as unknown as [string, HeaderValue][]) pushChecked(list, name, value);
  } else {
    if (init.length % 2 !== 0) {
      throw Object.assign(new TypeError("The argument 'headers' is invalid: a name has no value"), {
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
    for (let i = 0; i < init.length; i += 2) pushChecked(list, init[i] as string, init[i + 1] as HeaderValue);
  }
  return list;
}

function pushChecked(list: string[], name: string, value: HeaderValue): void {
  if (isForeign(name)) return;
  if (typeof value === 'string') {
    if (value !== lastValue) {
      validateHeaderValue(name, value);
      if (value.length > 8) lastValue = value;
    }
    list.push(name, value);
    return;
  }
  checkValue(name, value);
  push(list, name, value);
}

// Most often the content type of the response before; short values, such as lengths, change and are cheap to check.
let lastValue = '';

// An application uses few names, again and again: each is checked once. Bounded, should it make names up.
const checked = new Map<string, boolean>();
const MOST_NAMES = 500;

/** Whether a field speaks of the connection, and so is not an application's to set. Throws where it is no field name. */
function isForeign(name: string): boolean {
  let foreign = checked.get(name);
  if (foreign === undefined) {
    validateHeaderName(name);
    foreign = isHopByHop(name);
    if (checked.size < MOST_NAMES) checked.set(name, foreign);
  }
  return foreign;
}

function push(list: string[], name: string, value: HeaderValue): void {
  if (Array.isArray(value)) for (const one of value) list.push(name, String(one));
  else list.push(name, String(value));
}

function checkValue(name: string, value: HeaderValue): void {
  if (Array.isArray(value)) for (const one of value) validateHeaderValue(name, one);
  else validateHeaderValue(name, value as string);
}
