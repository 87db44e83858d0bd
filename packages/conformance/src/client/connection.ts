// The client's end of one connection: writes bytes as they are given, reads HTTP/1.1 strictly (RFC 9112). It is not
// node:http's client, which would repair or hide what the suite wants to see.

import type { Duplex } from 'node:stream';
import { type HeaderList, header } from '@tsgi/core';
import { CutError, type Head, type Message, type Reply } from './message.ts';

/** What ends the body of the response that is being read. */
type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; left: number }
  | { readonly kind: 'close' };

/** A connection. Nothing is read from it while nobody waits for something. */
export class Connection {
  readonly socket: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #framing: Framing = { kind: 'none' };
  #trailers: HeaderList = [];
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: Duplex) {
    this.socket = socket;
    const wake = (): void => this.#wake?.();
    socket.on('readable', wake);
    socket.on('end', () => {
      this.#ended = true;
      wake();
    });
    socket.on('error', (error) => {
      this.#error ??= error;
      wake();
    });
    socket.on('close', () => {
      if (!this.#ended) this.#error ??= new CutError('the connection was closed');
      wake();
    });
  }

  /** Sends bytes; text as latin1, so that every byte can be written down. */
  send(...parts: readonly (string | Uint8Array)[]): void {
    for (const part of parts) this.socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  }

  /** Sends bytes and resolves when the system has taken them; false where the connection is gone. */
  flush(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) return resolve(false);
      this.socket.write(bytes, (error) => resolve(error === null || error === undefined));
    });
  }

  /** Sends a whole request, an iterable body in chunks and as fast as the server takes it. */
  async request(message: Message): Promise<void> {
    const { body, trailers } = message;
    this.send(headOf(message));
    if (body === undefined) return;
    if (typeof body === 'string') this.send(Buffer.from(body));
    else if (body instanceof Uint8Array) this.send(body);
    else {
      for await (const chunk of body) {
        this.send(`${chunk.byteLength.toString(16)}\r\n`);
        this.send(chunk);
        if (!(await this.flush(Buffer.from('\r\n')))) return;
      }
      this.send(`0\r\n${lines(trailers ?? [])}\r\n`);
    }
  }

  /** The next head, informational ones included. `method` is that of the request which it answers. */
  async head(method = 'GET'): Promise<Head> {
    const start = /^HTTP\/1\.1 (\d{3}) [\t\x20-\x7e\x80-\xff]*$/.exec(await this.#line());
    if (start === null) throw new Error('the response does not begin with a status line of HTTP/1.1');
    const status = Number(start[1]);
    const headers = await this.#fields();
    this.#framing = framingOf(method, status, headers);
    this.#trailers = [];
    return { status, headers };
  }

  /** The next piece of the body, whose head was read; `null` at its end. Rejects with a {@link CutError} where it was cut. */
  async piece(): Promise<Buffer | null> {
    const framing = this.#framing;
    if (framing.kind === 'none') return null;
    if (framing.kind === 'chunked' && framing.left === 0) {
      const size = await this.#line();
      if (!/^[0-9a-f]{1,8}$/i.test(size)) throw new Error(`a chunk begins with ${JSON.stringify(size)}`);
      framing.left = Number.parseInt(size, 16);
      if (framing.left === 0) {
        this.#trailers = await this.#fields();
        this.#framing = { kind: 'none' };
        return null;
      }
    }
    if (framing.kind === 'length' && framing.left === 0) {
      this.#framing = { kind: 'none' };
      return null;
    }
    if (this.#buffer.length === 0 && !(await this.#more())) {
      if (framing.kind !== 'close' || this.#error !== null) throw this.#cut('in the body of the response');
      this.#framing = { kind: 'none' };
      return null;
    }
    const piece = this.#take(framing.kind === 'close' ? this.#buffer.length : framing.left);
    if (framing.kind !== 'close') framing.left -= piece.length;
    if (framing.kind === 'chunked' && framing.left === 0 && (await this.#line()) !== '') {
      throw new Error('a chunk is longer than it said');
    }
    return piece;
  }

  /** The rest of the body, whose head was read. */
  async rest(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let piece = await this.piece(); piece !== null; piece = await this.piece()) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** The next final response, whole. Rejects with a {@link CutError} where the connection ends before it does. */
  async reply(method = 'GET'): Promise<Reply> {
    const interim: Head[] = [];
    let head = await this.head(method);
    while (head.status < 200 && head.status !== 101) {
      interim.push(head);
      head = await this.head(method);
    }
    const body = await this.rest();
    return { ...head, body, trailers: this.#trailers, interim };
  }

  /** Bytes as they come, past HTTP: after an upgrade. `null` at the end. */
  async bytes(): Promise<Buffer | null> {
    if (this.#buffer.length === 0 && !(await this.#more())) return null;
    return this.#take(this.#buffer.length);
  }

  /** Waits until the server has closed the connection; gives what came before that. */
  async closed(): Promise<Buffer> {
    while (await this.#more());
    return this.#take(this.#buffer.length);
  }

  /** Leaves without a word. */
  leave(): void {
    this.socket.destroy();
  }

  /** Leaves, and resolves when that is done. */
  async left(): Promise<void> {
    this.leave();
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve));
  }

  async #fields(): Promise<string[]> {
    const list: string[] = [];
    for (let line = await this.#line(); line !== ''; line = await this.#line()) {
      const field =
        /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/.exec(line);
      if (field === null) throw new Error(`the response has the field line ${JSON.stringify(line)}`);
      list.push(field[1] as string, field[2] as string);
    }
    return list;
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) return this.#take(end + 2).toString('latin1', 0, end);
      if (!(await this.#more())) throw this.#cut('in the head of the response');
    }
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(taken.length);
    return taken;
  }

  #cut(where: string): CutError {
    return new CutError(`the connection ended ${where}`, this.#error === null ? {} : { cause: this.#error });
  }

  /** Waits for bytes; false when no more will come. */
  async #more(): Promise<boolean> {
    for (;;) {
      const chunk = this.socket.read() as Buffer | null;
      if (chunk !== null) {
        this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
        return true;
      }
      if (this.#ended || this.#error !== null) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The head of `message` as bytes on the wire, in latin1. */
export function headOf({ method = 'GET', target = '/hello', headers = [], body }: Message): string {
  const fields = [...headers];
  if (header(fields, 'host') === undefined) fields.unshift('Host', 'conformance.test');
  const framed = header(fields, 'content-length') !== undefined || header(fields, 'transfer-encoding') !== undefined;
  if (body !== undefined && !framed) {
    if (typeof body === 'string' || body instanceof Uint8Array) {
      fields.push('Content-Length', String(Buffer.byteLength(body)));
    } else fields.push('Transfer-Encoding', 'chunked');
  }
  return `${method} ${target} HTTP/1.1\r\n${lines(fields)}\r\n`;
}

function lines(list: HeaderList): string {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]}: ${list[i + 1]}\r\n`;
  return text;
}

// RFC 9112 section 6.3.
function framingOf(method: string, status: number, headers: HeaderList): Framing {
  const coding = header(headers, 'transfer-encoding');
  const length = header(headers, 'content-length');
  if (coding !== undefined && length !== undefined) throw new Error('the response has a length and a transfer coding');
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new Error(`the response has the transfer coding ${coding}`);
    return { kind: 'chunked', left: 0 };
  }
  if (length === undefined) return { kind: 'close' };
  if (!/^\d+$/.test(length)) throw new Error(`the response has content-length ${length}`);
  return { kind: 'length', left: Number(length) };
}
