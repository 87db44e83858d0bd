// One request and its outcome, as lint follows them from the call of handle to the last byte.

import { discardBody } from '../body.ts';
import { deriveResponse } from '../derive.ts';
import { type GatewayResponse, type HeaderList, type Log, type Outcome, type RawSocket, TAKEN } from '../interface.ts';
import type { LintedRequest } from './linted-request.ts';
import type { Report } from './report.ts';
import { checkResponse, isResponse } from './response.ts';
import {
  checkResponseBody,
  checkResponseTrailers,
  isIterable,
  LintedResponseBody,
  type Worker,
} from './response-body.ts';
import { show } from './show.ts';

/** Where an exchange stands; each has what is still owed before `stop` may be called. */
type State =
  | { readonly kind: 'handling' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'taken'; readonly socket: RawSocket }
  | { readonly kind: 'closed' };

/** Follows one call of `handle`. */
export class Exchange {
  readonly request: LintedRequest;
  readonly id: string;
  readonly #worker: Worker;
  readonly #report: Report;
  readonly #onClose: (exchange: Exchange) => void;
  #state: State = { kind: 'handling' };

  constructor(request: LintedRequest, worker: Worker, report: Report, onClose: (exchange: Exchange) => void) {
    this.request = request;
    this.id = request.id;
    this.#worker = worker;
    this.#report = report;
    this.#onClose = onClose;
  }

  /** `handle` has resolved to `outcome`; gives what the server is to see. */
  answer(outcome: Outcome): Outcome {
    try {
      this.request.answer();
      return this.#check(outcome);
    } catch (broken) {
      this.#close();
      // The server will not see the body, so nobody else ends it. The break is the error that counts.
      if (isResponse(outcome) && isIterable(outcome.body)) discardBody(outcome.body).catch(() => {});
      throw broken;
    }
  }

  /** `handle` has thrown. */
  fail(): void {
    this.#close();
  }

  /** `stop` is called: reports what had to be over by now. */
  stop(log: Log | undefined): void {
    const request = `for request ${show(this.id)}`;
    if (this.#state.kind === 'handling' && !this.request.abandoned) {
      this.#report.late('H4', `the server called stop before handle had resolved ${request}`, log);
    } else if (this.#state.kind === 'sending') {
      this.#report.late('E12', `the body of the response was neither read to its end nor discarded ${request}`, log);
    } else if (this.#state.kind === 'taken' && !this.#state.socket.destroyed) {
      this.#report.late('H4', `the server called stop before the taken socket was closed ${request}`, log);
    }
  }

  #check(outcome: Outcome): Outcome {
    const report = this.#report;
    const { upgrade } = this.request;
    const taken = upgrade?.taken ?? false;
    if (outcome === TAKEN) {
      if (!taken) report.broken('F5', 'handle resolved to TAKEN without take()');
      this.#follow(upgrade?.socket);
      return outcome;
    }
    if (taken) report.broken('F6', `handle resolved to ${show(outcome)} after take()`);
    if (!isResponse(outcome)) {
      report.broken('D5', `handle resolved to ${show(outcome)}, not to a response`);
      this.#close();
      return outcome;
    }
    checkResponse(outcome, report);
    checkResponseBody({ method: this.request.method, response: outcome }, report);
    return this.#watch(outcome);
  }

  #follow(socket: RawSocket | undefined): void {
    if (socket === undefined || socket.destroyed) this.#close();
    else {
      this.#state = { kind: 'taken', socket };
      socket.once('close', () => this.#close());
    }
  }

  /** `response` with its body and trailers watched. What needs no watching goes on as it is. */
  #watch(response: GatewayResponse): GatewayResponse {
    if (!isIterable(response.body)) {
      this.#close();
      return 'trailers' in response ? this.#watchTrailers(response, response.body) : response;
    }
    this.#state = { kind: 'sending' };
    const { request } = this;
    const around = { worker: this.#worker, request, done: () => this.#close() };
    const body = new LintedResponseBody(response.body, { method: request.method, response }, around, this.#report);
    return 'trailers' in response ? this.#watchTrailers(response, body) : deriveResponse(response, { body });
  }

  #watchTrailers(response: GatewayResponse, body: GatewayResponse['body']): GatewayResponse {
    const report = this.#report;
    return {
      status: response.status,
      headers: response.headers,
      body,
      get trailers(): HeaderList {
        if (body instanceof LintedResponseBody && !body.ended) {
          report.broken('E15', 'the server read trailers before the body had ended');
        }
        const trailers = response.trailers as HeaderList;
        checkResponseTrailers(trailers, report);
        return trailers;
      },
    };
  }

  #close(): void {
    this.#state = { kind: 'closed' };
    this.#onClose(this);
  }
}
