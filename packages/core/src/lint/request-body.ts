// Section C: the body of a request, read by the application as the server gets it, and the trailers behind it.

import { header } from '../headers.ts';
import type { Body, GatewayRequest, HeaderList } from '../interface.ts';
import { announcedLength, listProblem, nameProblem, valueProblem } from './fields.ts';
import type { Report } from './report.ts';
import { isIterable } from './response-body.ts';
import { type RuleTable, rule } from './rule.ts';
import { show } from './show.ts';

export type RequestBodyRule = 'C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'C6' | 'C7' | 'C8' | 'C9' | 'C10' | 'C11' | 'C12';

export const requestBodyRules: RuleTable<RequestBodyRule> = {
  C1: rule(
    'server',
    'lint',
    '`body` MUST be null exactly when no byte will come: in HTTP/1 where there is neither `transfer-encoding` nor a',
    '`content-length` above 0 (RFC 9112 section 6.3), whatever the method. Middleware that changes the body changes these',
    'fields with it.',
  ),
  C2: rule(
    'server',
    'lint',
    '`body`, when it is not null, MUST be async iterable; its iterator gives objects with `done` and `value`, and may be',
    'left early by `return()`.',
  ),
  C3: rule(
    'application',
    'lint',
    'The application MUST NOT iterate over the body twice; the second `[Symbol.asyncIterator]()` throws',
    '`TSGI_ERR_BODY_READ_TWICE`. Bodies are streams, and nothing keeps what has been read.',
  ),
  C4: rule(
    'application',
    'lint',
    'The application MUST wait for the promise of `next()` before it calls `next()` again, as `for await` does.',
  ),
  C5: rule('server', 'lint', 'A chunk of the body MUST be a Uint8Array with at least one byte. A Buffer is one.'),
  C6: rule(
    'server',
    'lint',
    'A body that ends MUST have as many bytes as `content-length` says, where it is there. A body that is cut short',
    'throws from `next()` instead, so that a cut message never looks whole: `TSGI_ERR_CLIENT_GONE` where the client left,',
    '`TSGI_ERR_BODY_TOO_LARGE` at the limit, `TSGI_ERR_REQUEST_TIMEOUT` where it took too long.',
  ),
  C7: rule(
    'server',
    'conformance',
    'The server MUST hold the sender back while nobody waits for a chunk. What it reads ahead is bounded, however long the',
    'body is.',
  ),
  C8: rule(
    'server',
    'conformance',
    'A chunk belongs to the application once it was given: the server MUST NOT use its memory for another one.',
  ),
  C9: rule(
    'server',
    'conformance',
    'Where the client expects `100-continue`, the server MUST send 100 when the first chunk is asked for and MUST NOT',
    'send it before (RFC 9110 section 10.1.1): an application that answers without reading the body never gets it sent.',
  ),
  C10: rule(
    'server',
    'conformance',
    'A body that was not read to its end when the response has been sent MUST be discarded up to a bound, or the',
    'connection closed (RFC 9112 section 9.3); the rest of it is never taken for the next request. A reader that is still',
    'there gets an error.',
  ),
  C11: rule(
    'server',
    'lint',
    '`trailers` MUST be an empty list until the body has ended, and stay so where there is no body.',
  ),
  C12: rule(
    'server',
    'lint',
    '`trailers` MUST be a flat list as `headers` is: names lower-case tokens, values valid (RFC 9110 section 6.5).',
  ),
};

/** Checks what can be said of a body before it is read (C1, C2). */
export function checkRequestBody(request: GatewayRequest, report: Report): void {
  const problem = presenceProblem(request);
  if (problem !== undefined) report.broken('C1', problem);
  else if (request.body !== null && !isIterable(request.body)) {
    report.broken('C2', `request.body is ${show(request.body)}`);
  }
}

function presenceProblem({ headers, httpVersion, body }: GatewayRequest): string | undefined {
  if (listProblem(headers, '') !== undefined) return undefined;
  const length = announcedLength(headers);
  const announced = header(headers, 'transfer-encoding') !== undefined || (length !== undefined && length > 0);
  if (announced && body === null) return 'request.body is null, but the header fields announce a body';
  // HTTP/2 frames bodies without a field for it (RFC 9113 section 8.1.1).
  const mayCome = announced || (length === undefined && httpVersion === '2.0');
  if (!mayCome && body !== null) return `request.body is ${show(body)}, but the header fields announce none`;
}

/** Why these are not the trailers of a body that has ended or not. */
export function checkTrailers(trailers: HeaderList, ended: boolean, report: Report): void {
  const what = 'request.trailers';
  const problem = listProblem(trailers, what) ?? nameProblem(trailers, what, true) ?? valueProblem(trailers, what);
  if (problem !== undefined) report.broken('C12', problem);
  else if (!ended && trailers.length > 0) {
    report.broken('C11', `${what} has fields before the end of the body`);
  }
}

/** The body of a request, watched on both sides: what the server gives and how the application asks for it. */
export class LintedRequestBody implements Body {
  readonly #body: Body;
  readonly #announced: number | undefined;
  readonly #report: Report;
  #opened = false;
  #waiting = false;
  /** The application wants no more: a chunk that it still waits for may be the end without being that of the message. */
  #left = false;
  #received = 0;
  /** Whether the body was read to its end. */
  ended = false;

  constructor(body: Body, headers: HeaderList, report: Report) {
    this.#body = body;
    this.#announced = announcedLength(headers);
    this.#report = report;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#opened) this.#report.broken('C3', 'the application iterated over the body of the request a second time');
    this.#opened = true;
    const iterator = this.#body[Symbol.asyncIterator]();
    return {
      next: () => this.#next(iterator),
      return: async () => {
        this.#left = true;
        return (await iterator.return?.()) ?? { done: true, value: undefined };
      },
    };
  }

  async #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    if (this.#waiting) this.#report.broken('C4', 'the application called next() while the last call was pending');
    this.#waiting = true;
    try {
      const result = await iterator.next();
      this.#check(result);
      return result;
    } finally {
      this.#waiting = false;
    }
  }

  #check(result: IteratorResult<Uint8Array>): void {
    const report = this.#report;
    if (typeof result !== 'object' || result === null) {
      report.broken('C2', `the body of the request gave ${show(result)} from next()`);
    } else if (result.done) {
      if (this.#left) return;
      this.ended = true;
      if (this.#announced !== undefined && this.#received !== this.#announced) {
        const problem = `the body of the request ended after ${this.#received} of ${this.#announced} bytes`;
        report.broken('C6', problem);
      }
    } else if (!(result.value instanceof Uint8Array)) {
      report.broken('C5', `the body of the request gave ${show(result.value)} as a chunk`);
    } else {
      if (result.value.byteLength === 0) report.broken('C5', 'the body of the request gave an empty chunk');
      this.#received += result.value.byteLength;
    }
  }
}
