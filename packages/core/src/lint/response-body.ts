// Section E: the body of a response, as the application makes it and the server iterates over it, and its trailers.

import { discardBody } from '../body.ts';
import type { Body, GatewayResponse } from '../interface.ts';
import { announcedLength, hopByHopProblem, listProblem, nameProblem, pairs, valueProblem } from './fields.ts';
import type { Report } from './report.ts';
import { type RuleTable, rule } from './rule.ts';
import { show } from './show.ts';

export type ResponseBodyRule =
  | 'E1'
  | 'E2'
  | 'E3'
  | 'E4'
  | 'E5'
  | 'E6'
  | 'E7'
  | 'E8'
  | 'E9'
  | 'E10'
  | 'E11'
  | 'E12'
  | 'E13'
  | 'E14'
  | 'E15'
  | 'E16';

export const responseBodyRules: RuleTable<ResponseBodyRule> = {
  E1: rule(
    'application',
    'lint',
    '`body` MUST be a string, a Uint8Array, an async iterable or null; not undefined, and not a plain iterable.',
  ),
  E2: rule(
    'application',
    'lint',
    '`body` MUST be null, or a string or Uint8Array without a byte, with the status 204, 205 or 304 (RFC 9110 sections',
    '15.3.5, 15.3.6 and 15.4.5). In answer to HEAD it may be what GET would get: the server leaves it out (E3, E4), so',
    'that an application may answer both alike; a framework that leaves it out itself sets `content-length` where it',
    'knows it.',
  ),
  E3: rule(
    'server',
    'lint',
    'In answer to HEAD, and with the status 204 or 304, the server MUST NOT ask the body for a chunk: it could be endless.',
    'It discards the body as E12 has it.',
  ),
  E4: rule(
    'server',
    'conformance',
    'In answer to HEAD, and with the status 204 or 304, no byte of a body MUST be sent, whatever the application returned',
    '(RFC 9112 section 6.3). `content-length` in answer to HEAD is that of GET: what the application set, else the length',
    'of a string or Uint8Array; a 204 has none.',
  ),
  E5: rule(
    'server',
    'conformance',
    'The server MUST send a string as UTF-8. It MUST add `Content-Length` where the body is a string, a Uint8Array or null',
    'and the application set none. An iterable without `content-length` is sent in chunked coding, and to a client of',
    'HTTP/1.0 without a coding and ended by the close of the connection (RFC 9112 section 6.3).',
  ),
  E6: rule('application', 'lint', 'A chunk of an iterable body MUST be a Uint8Array. An empty one is allowed.'),
  E7: rule(
    'server',
    'conformance',
    'Each chunk MUST be sent when it comes, without waiting for the next one; server-sent events depend on it. An empty',
    'chunk sends nothing: in chunked coding it would end the body (RFC 9112 section 7.1).',
  ),
  E8: rule(
    'application',
    'lint',
    '`content-length`, where it is set, MUST be the number of bytes in the body. In answer to HEAD and with the status 304',
    'it is the number that GET would send.',
  ),
  E9: rule(
    'server',
    'conformance',
    'The server MUST NOT send more bytes than `content-length` announced; where there are more or fewer it ends the',
    'connection as G2 has it, or answers 500 where nothing has been sent yet. Either writes `TSGI_ERR_CONTENT_LENGTH` to',
    'the log.',
  ),
  E10: rule(
    'server',
    'lint',
    'The server MUST iterate over the body once, and MUST wait for the promise of `next()` before it calls it again.',
  ),
  E11: rule(
    'server',
    'conformance',
    'The server MUST NOT ask for the next chunk while the client does not read: what waits to be sent is bounded.',
  ),
  E12: rule(
    'server',
    'lint',
    'Every iterable body MUST be read to its end or discarded as soon as the client has left or the rest is not wanted,',
    'also that of a response which is not sent at all: files and queries are held open behind it. Discarding calls',
    '`return()` of the iterator, or before the first `next()` the `destroy()` of a body that has one, as streams do',
    '(`discardBody` of `@tsgi/core`). After that, and after `signal` was aborted, no chunk is asked for.',
  ),
  E13: rule(
    'application',
    'lint',
    '`trailers` MUST be a flat list of valid fields, as `headers` is (RFC 9110 section 6.5).',
  ),
  E14: rule(
    'application',
    'lint',
    '`trailers` MUST have no field that is needed before the body: framing, routing, authentication, request modifiers,',
    'response control and content format (RFC 9110 section 6.5.1), such as `content-length`, `set-cookie`,',
    '`cache-control` and `content-type`.',
  ),
  E15: rule(
    'server',
    'lint',
    "The server MUST find out by `'trailers' in response` whether there are trailers, and MUST read them only after the",
    'body has ended: they may be computed from it.',
  ),
  E16: rule(
    'server',
    'conformance',
    'Trailers MUST be sent after a body in chunked coding, and are dropped where there is none: to a client of HTTP/1.0,',
    'in answer to HEAD, with the status 204 or 304.',
  ),
};

/** The method and the response that a body belongs to. */
export interface Reply {
  readonly method: string;
  readonly response: GatewayResponse;
}

/** Checks what can be said of a body before it is iterated over (E1, E2, E8). */
export function checkResponseBody({ method, response }: Reply, report: Report): void {
  const { status, headers, body } = response;
  const length = lengthOf(body);
  if (length === undefined && !isIterable(body)) report.broken('E1', `response.body is ${show(body)}`);
  else if ((status === 204 || status === 205 || status === 304) && length !== 0) {
    report.broken('E2', `response.body is ${show(body)} with the status ${status}`);
  }
  const announced = announcedLength(headers);
  if (announced === undefined || length === undefined || method === 'HEAD' || status === 304) return;
  if (announced !== length) report.broken('E8', `content-length announces ${announced} bytes, the body has ${length}`);
}

export function isIterable(body: unknown): body is Body {
  return typeof (body as Partial<Body> | null | undefined)?.[Symbol.asyncIterator] === 'function';
}

/** Bytes of a body that is there as a whole. */
function lengthOf(body: unknown): number | undefined {
  if (body === null) return 0;
  if (typeof body === 'string') return new TextEncoder().encode(body).byteLength;
  return body instanceof Uint8Array ? body.byteLength : undefined;
}

// RFC 9110 section 6.5.1 names the kinds; these are the fields of each.
const NOT_IN_TRAILERS = new Set([
  ...['content-length', 'trailer', 'host', 'content-encoding', 'content-type', 'content-range'],
  ...['cache-control', 'max-forwards', 'expect', 'range', 'if-match', 'if-none-match', 'if-modified-since'],
  ...['if-unmodified-since', 'if-range', 'authorization', 'proxy-authorization', 'www-authenticate'],
  ...['proxy-authenticate', 'authentication-info', 'proxy-authentication-info', 'cookie', 'set-cookie'],
  ...['age', 'date', 'expires', 'location', 'retry-after', 'vary', 'warning'],
]);

/** Checks trailers (E13, E14). */
export function checkResponseTrailers(trailers: unknown, report: Report): void {
  const what = 'response.trailers';
  const problem = listProblem(trailers, what) ?? nameProblem(trailers, what) ?? valueProblem(trailers, what);
  if (problem !== undefined) report.broken('E13', problem);
  const hopByHop = hopByHopProblem(trailers, what);
  if (hopByHop !== undefined) report.broken('E14', hopByHop);
  for (const [name] of pairs(trailers)) {
    if (NOT_IN_TRAILERS.has(name.toLowerCase())) report.broken('E14', `${what} has the field ${show(name)}`);
  }
}

/** A worker, as far as its requests need to know it. */
export interface Worker {
  /** Whether `stop` has been called. */
  readonly over: boolean;
}

/** What a watched body needs to know of what is around it. */
export interface Surroundings {
  readonly worker: Worker;
  /** `aborted`: whether the signal of the request, if anyone asked for it, is. */
  readonly request: { readonly aborted: boolean };
  /** The body has ended, whole or not. */
  done(): void;
}

/** The iterable body of a response, watched on both sides: what the application gives and how the server asks for it. */
export class LintedResponseBody implements Body {
  readonly #body: Body;
  readonly #reply: Reply;
  readonly #around: Surroundings;
  readonly #report: Report;
  readonly #announced: number | undefined;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #opened = false;
  #waiting = false;
  #sent = 0;
  #state: 'open' | 'ended' | 'returned' | 'failed' = 'open';

  constructor(body: Body, reply: Reply, around: Surroundings, report: Report) {
    this.#body = body;
    this.#reply = reply;
    this.#around = around;
    this.#report = report;
    this.#announced = announcedLength(reply.response.headers);
  }

  /** Whether the body was read to its end. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#opened) this.#report.broken('E10', 'the server iterated over the body of the response a second time');
    this.#opened = true;
    return { next: () => this.#next(), return: () => this.#return() };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    this.#guard(() => this.#checkCall());
    this.#waiting = true;
    let result: IteratorResult<Uint8Array>;
    try {
      this.#iterator ??= this.#body[Symbol.asyncIterator]();
      result = await this.#iterator.next();
    } catch (error) {
      this.#close('failed');
      throw error;
    } finally {
      this.#waiting = false;
    }
    this.#guard(() => this.#checkResult(result));
    return result;
  }

  async #return(): Promise<IteratorResult<Uint8Array>> {
    this.#close('returned');
    await this.#release();
    return { done: true, value: undefined };
  }

  #close(state: 'ended' | 'returned' | 'failed'): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#around.done();
  }

  async #release(): Promise<void> {
    if (this.#iterator === undefined) await discardBody(this.#body);
    else await this.#iterator.return?.();
  }

  /** Runs a check. A break that is thrown ends the body for the server, who will not return it any more. */
  #guard(checked: () => void): void {
    try {
      checked();
    } catch (broken) {
      if (this.#state === 'open') {
        this.#close('failed');
        this.#release().catch(() => {}); // The break is the error that counts.
      }
      throw broken;
    }
  }

  #checkCall(): void {
    const report = this.#report;
    const { method, response } = this.#reply;
    if (method === 'HEAD' || response.status === 204 || response.status === 304) {
      report.broken('E3', `the server asked for a chunk in answer to ${method} with the status ${response.status}`);
    }
    if (this.#waiting) report.broken('E10', 'the server called next() while the last call was pending');
    if (this.#around.worker.over) report.broken('H6', 'the server asked for a chunk after stop');
    if (this.#state === 'returned') report.broken('E12', 'the server asked for a chunk after return()');
    else if (this.#around.request.aborted)
      report.broken('E12', 'the server asked for a chunk after signal was aborted');
  }

  #checkResult(result: IteratorResult<Uint8Array>): void {
    const report = this.#report;
    const announced = this.#announced;
    if (typeof result !== 'object' || result === null) {
      report.broken('E1', `response.body gave ${show(result)} from next()`);
    } else if (result.done) {
      if (this.#state !== 'open') return;
      this.#close('ended');
      if (announced !== undefined && this.#sent < announced) {
        report.broken('E8', `content-length announces ${announced} bytes, the body has ${this.#sent}`);
      }
    } else if (!(result.value instanceof Uint8Array)) {
      report.broken('E6', `response.body gave ${show(result.value)} as a chunk`);
    } else {
      this.#sent += result.value.byteLength;
      if (announced !== undefined && this.#sent > announced) {
        report.broken('E8', `content-length announces ${announced} bytes, the body has at least ${this.#sent}`);
      }
    }
  }
}
