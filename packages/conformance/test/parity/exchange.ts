// One request as bytes, and the reply to it taken apart without changing a byte of its head: names as they were spelled,
// lines in the order in which they came. Only the coding of the body is undone, since chunks may end anywhere.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A reply as it was on the wire. */
export interface Reply {
  /** The heads of informational replies before it. */
  readonly informational: readonly string[];
  readonly start: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly framing: 'length' | 'chunked' | 'close' | 'none';
  readonly body: Buffer;
  readonly trailers: string;
  /** The connection ended within the reply, or before it. */
  readonly cut: boolean;
}

/** A request. `Host`, and `Content-Length` for a body, are added where `headers` does not name them. */
export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly version?: '1.0' | '1.1';
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A list of bodies is sent with the chunked coding. */
  readonly body?: string | Buffer | readonly string[];
}

const END = Buffer.from('\r\n\r\n');

/** Sends `sent`, or bytes as they are, on a connection of its own and resolves to the final reply. */
export async function exchange(port: number, sent: Sent | string): Promise<Reply> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const end = (): void => {
    ended = true;
  };
  socket.on('end', end).on('error', end).on('close', end);
  write(socket, sent);
  const head = typeof sent === 'string' ? sent.startsWith('HEAD ') : sent.method === 'HEAD';
  try {
    for (;;) {
      const reply = parse(Buffer.concat(chunks), ended, head);
      if (reply !== null) return reply;
      // An 'error' rejects the wait for data; that it came is noted already.
      await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => {});
    }
  } finally {
    socket.destroy();
  }
}

function write(socket: Socket, sent: Sent | string): void {
  if (typeof sent === 'string') {
    socket.write(Buffer.from(sent, 'latin1'));
    return;
  }
  const { method = 'GET', path, version = '1.1', headers = {}, body } = sent;
  const fields: Record<string, string | readonly string[]> = { Host: 'localhost' };
  if (Array.isArray(body)) fields['Transfer-Encoding'] = 'chunked';
  else if (body !== undefined) fields['Content-Length'] = String(Buffer.byteLength(body as string));
  Object.assign(fields, headers);
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((single: string) => `${name}: ${single}\r\n`),
  );
  socket.write(`${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`);
  if (Array.isArray(body)) {
    for (const chunk of body) socket.write(`${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`);
    socket.write('0\r\n\r\n');
  } else if (body !== undefined) socket.write(body as string);
}

/** Null while more has to come. */
function parse(received: Buffer, ended: boolean, head: boolean): Reply | null {
  const informational: string[] = [];
  let bytes = received;
  for (;;) {
    const end = bytes.indexOf(END);
    if (end < 0) {
      const nothing = { start: '', headers: [], framing: 'none', body: bytes, trailers: '', cut: true } as const;
      return ended ? { informational, ...nothing } : null;
    }
    const [start = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
    const status = Number(start.split(' ')[1]);
    const rest = bytes.subarray(end + END.length);
    if (status >= 200 || status === 101) {
      const headers = lines.map((line) => split(line));
      const body = bodyOf(rest, status, headers, ended, head);
      return body && { informational, start, headers, ...body };
    }
    informational.push(bytes.toString('latin1', 0, end));
    bytes = rest;
  }
}

function split(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 2)];
}

type BodyParts = Pick<Reply, 'framing' | 'body' | 'trailers' | 'cut'>;

function bodyOf(
  rest: Buffer,
  status: number,
  headers: Reply['headers'],
  ended: boolean,
  head: boolean,
): BodyParts | null {
  const whole = { body: rest, trailers: '', cut: false };
  if (head || status === 101 || status === 204 || status === 304) return { framing: 'none', ...whole };
  const length = fieldOf(headers, 'content-length');
  if (length !== undefined) {
    const cut = rest.length < Number(length);
    return cut && !ended ? null : { framing: 'length', ...whole, cut };
  }
  if (fieldOf(headers, 'transfer-encoding') !== undefined) {
    const decoded = dechunk(rest);
    return decoded.cut && !ended ? null : { framing: 'chunked', ...decoded };
  }
  return ended ? { framing: 'close', ...whole } : null;
}

/** The first value of a field, whatever the spelling of its name. */
export function fieldOf(headers: Reply['headers'], name: string): string | undefined {
  return headers.find(([spelled]) => spelled.toLowerCase() === name)?.[1];
}

function dechunk(bytes: Buffer): { body: Buffer; trailers: string; cut: boolean } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, Math.max(line, at)), 16);
    const end = size === 0 ? bytes.indexOf(END, line) : -1;
    if (end >= 0) {
      return {
        body: Buffer.concat(chunks),
        trailers: bytes.toString('latin1', line + 2, Math.max(line + 2, end)),
        cut: false,
      };
    }
    if (line < 0 || size === 0 || bytes.length < line + 2 + size + 2) {
      return { body: Buffer.concat(chunks), trailers: '', cut: true };
    }
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

/**
 * Runs `then` when the client has read what was written before. Servers and client share this event loop, and each of its
 * turns reads what has arrived; a write takes a few to be on the wire.
 */
export function whenRead(then: () => void, turns = 10): void {
  setImmediate(() => (turns === 0 ? then() : whenRead(then, turns - 1)));
}
