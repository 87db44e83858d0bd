// The line of an access log: the formats that other servers write, JSON, and format strings with named fields. A format
// is compiled once, and what a client sent can never break a line.

import type { Ended } from '@tsgi/adapter-node';
import { type Address, type GatewayRequest, header, headerEntries } from '@tsgi/core';
import { SettingError } from '../settings/setting-error.ts';

/** One request for its line. */
export interface AccessEntry {
  readonly request: GatewayRequest;
  readonly ended: Ended;
  readonly worker: number;
  /** How many requests this worker has served, this one included. */
  readonly count: number;
  readonly at: Date;
}

/** Writes the line of an entry, without its end. */
export type AccessFormat = (entry: AccessEntry) => string;

type Field = (entry: AccessEntry) => string | number;

/** The fields of a format string, `{name}`; `{request.NAME}` and `{response.NAME}` are header fields. */
const FIELDS: Readonly<Record<string, Field>> = {
  client: ({ request }) => addressOf(request.client),
  peer: ({ request }) => addressOf(request.peer),
  time: ({ at }) => commonTime(at),
  iso: ({ at }) => at.toISOString(),
  method: ({ request }) => request.method,
  target: ({ request }) => request.mountPath + request.target,
  version: ({ request }) => request.httpVersion,
  scheme: ({ request }) => request.scheme,
  host: ({ request }) => request.host,
  status: ({ ended }) => ended.status,
  bytes: ({ ended }) => ended.bytes,
  ms: ({ ended }) => ended.ms.toFixed(3),
  seconds: ({ ended }) => (ended.ms / 1000).toFixed(6),
  id: ({ request }) => request.id,
  worker: ({ worker }) => worker,
  pid: () => process.pid,
};

// The Apache HTTP server's formats of these names (mod_log_config); there is no user, so its field is always `-`.
const COMMON = '{client} - - [{time}] "{method} {target} HTTP/{version}" {status} {bytes}';
const NAMED: Readonly<Record<string, AccessFormat>> = {
  common: compile(COMMON),
  combined: compile(`${COMMON} "{request.referer}" "{request.user-agent}"`),
  json,
  uwsgi,
};

/** The format that a setting names, or a format string compiled. Throws a {@link SettingError} for an unknown field. */
export function accessFormat(text: string): AccessFormat {
  return (Object.hasOwn(NAMED, text) ? NAMED[text] : undefined) ?? compile(text);
}

function compile(text: string): AccessFormat {
  const parts: (string | Field)[] = [];
  let end = 0;
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    parts.push(text.slice(end, match.index), fieldOf(match[1] as string));
    end = match.index + match[0].length;
  }
  if (parts.length === 0) {
    const names = Object.keys(NAMED).join(', ');
    throw new SettingError(
      `the access log format "${text}" has no field`,
      `write ${names}, or a format string such as '{client} {method} {target} {status}'`,
    );
  }
  parts.push(text.slice(end));
  return (entry) => parts.map((part) => (typeof part === 'string' ? part : printable(String(part(entry))))).join('');
}

function fieldOf(name: string): Field {
  const known = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (known !== undefined) return known;
  const [side, field = ''] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1).toLowerCase()];
  if (side === 'request') return ({ request }) => header(request.headers, field) ?? '-';
  if (side === 'response') return ({ ended }) => header(ended.headers, field) ?? '-';
  const names = [...Object.keys(FIELDS), 'request.NAME', 'response.NAME'].join(', ');
  throw new SettingError(`the access log format has the unknown field {${name}}`, `the fields are ${names}`);
}

function json({ request, ended, worker, at }: AccessEntry): string {
  return JSON.stringify({
    time: at.toISOString(),
    client: addressOf(request.client),
    method: request.method,
    target: request.mountPath + request.target,
    version: request.httpVersion,
    scheme: request.scheme,
    host: request.host,
    status: ended.status,
    bytes: ended.bytes,
    ms: Number(ended.ms.toFixed(3)),
    referer: header(request.headers, 'referer'),
    userAgent: header(request.headers, 'user-agent'),
    id: request.id,
    worker,
    pid: process.pid,
  });
}

/**
 * The line that uWSGI documents. Every number is a true one: the variables are the request's header fields, the headers
 * are the application's. What Node has nothing for is constant: one application (0), no user, one switch, core 0.
 */
function uwsgi({ request, ended, count, at }: AccessEntry): string {
  const vars = sizeOf(request.headers);
  const fields = sizeOf(ended.headers);
  const target = printable(request.mountPath + request.target);
  return (
    `[pid: ${process.pid}|app: 0|req: ${count}/${count}] ${addressOf(request.client)} () ` +
    `{${vars.count} vars in ${vars.bytes} bytes} [${ctime(at)}] ${printable(request.method)} ${target} => ` +
    `generated ${ended.bytes} bytes in ${Math.round(ended.ms)} msecs (HTTP/${request.httpVersion} ${ended.status}) ` +
    `${fields.count} headers in ${fields.bytes} bytes (1 switches on core 0)`
  );
}

function sizeOf(list: readonly string[]): { count: number; bytes: number } {
  let bytes = 0;
  for (const [name, value] of headerEntries(list)) bytes += name.length + value.length;
  return { count: list.length / 2, bytes };
}

function addressOf(address: Address): string {
  return address.kind === 'ip' ? address.address : 'unix:';
}

/** Control characters, quotes and backslashes as `\xNN`, as Nginx writes them: a line stays one, and its quotes hold. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is written in another way.
  return text.replace(/[\x00-\x1f"\\\x7f-\x9f\u2028\u2029]/g, (char) =>
    char.charCodeAt(0) > 0xff
      ? encodeURIComponent(char)
      : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `21/Nov/2026:07:14:14 +0000`, in UTC: a server's lines must sort, also over a change of summer time. */
function commonTime(at: Date): string {
  return `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${clock(at)} +0000`;
}

/** `Sat Nov 21 07:14:14 2026`, as ctime(3) has it, in UTC. */
function ctime(at: Date): string {
  const day = String(at.getUTCDate()).padStart(2, ' ');
  return `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${day} ${clock(at)} ${at.getUTCFullYear()}`;
}

function clock(at: Date): string {
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
