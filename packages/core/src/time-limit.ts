// Middleware that gives an application a limited time to answer. What it does not cover is a handler that blocks the
// event loop: no timer can interrupt that.

import { discardBody } from './body.ts';
import { isPromise, type Middleware, wrap } from './compose.ts';
import { derive, type RequestChanges } from './derive.ts';
import { TsgiError } from './errors.ts';
import {
  type Context,
  type GatewayRequest,
  type GatewayResponse,
  type Outcome,
  TAKEN,
  type Upgrade,
} from './interface.ts';

// The longest delay of a timer: a signed 32-bit number of milliseconds, about 24 days. Longer ones fire at once.
const LONGEST = 0x7fffffff;

/**
 * Answers 504 when the application has not answered `ms` milliseconds after its `handle` returned a promise. The
 * request's `signal` is aborted then, with `TSGI_ERR_TIME_LIMIT` as its reason; a response that still comes is discarded,
 * an error that still comes is logged. The limit ends with the head of the response, and with `take()` of an upgrade.
 * A handler that answers at once pays for no timer and no promise; no signal is made that nobody asks for.
 *
 * Throws `TSGI_ERR_OPTION` for less than 1 ms, or for more than a timer can wait.
 */
export function timeLimit(ms: number): Middleware {
  if (!(ms >= 1 && ms <= LONGEST)) {
    const expected = `milliseconds from 1 to ${LONGEST}`;
    throw new TsgiError('TSGI_ERR_OPTION', { option: 'ms', value: String(ms), expected });
  }
  return (next) =>
    wrap(next, (request, context) => {
      const limited = new Limited(request);
      const outcome = next.handle(derive(request, limited), context);
      return isPromise(outcome) ? limited.race(outcome, ms, context) : outcome;
    });
}

/** One request under a time limit, and what the limit changes about it. */
class Limited implements RequestChanges {
  readonly #request: GatewayRequest;
  #controller: AbortController | undefined;
  #signal: AbortSignal | undefined;
  #upgrade: Upgrade | null | undefined;
  #taken = false;

  constructor(request: GatewayRequest) {
    this.#request = request;
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#controller ??= new AbortController();
      // Not a listener on the request's signal: it would have to be taken off when the last byte has been sent, which
      // a middleware does not see. What `any` makes is collected with the request, however long its sources live.
      this.#signal = AbortSignal.any([this.#request.signal, this.#controller.signal]);
    }
    return this.#signal;
  }

  get upgrade(): Upgrade | null {
    if (this.#upgrade === undefined) {
      const { upgrade } = this.#request;
      this.#upgrade = upgrade && {
        protocol: upgrade.protocol,
        head: upgrade.head,
        take: () => {
          const socket = upgrade.take();
          this.#taken = true;
          return socket;
        },
      };
    }
    return this.#upgrade;
  }

  race(outcome: Promise<Outcome>, ms: number, { log }: Context): Promise<Outcome> {
    const request = this.#request;
    return new Promise((resolve, reject) => {
      let late: TsgiError | undefined;

      const timer = setTimeout(() => {
        if (this.#taken) return;
        late = new TsgiError('TSGI_ERR_TIME_LIMIT', { ms });
        log.error({ err: late, requestId: request.id }, late.message);
        resolve(gatewayTimeout(request.method));
        this.#controller ??= new AbortController();
        this.#controller.abort(late);
      }, ms);

      // An application that did what the signal asked of it throws the reason, or an AbortError that names it as its cause.
      const failedLate = (error: unknown): void => {
        if (error === late || (error as Error | undefined)?.cause === late) return;
        log.error({ err: error, requestId: request.id }, 'the application failed after its time was up');
      };

      outcome.then(
        (settled) => {
          clearTimeout(timer);
          if (late === undefined) resolve(settled);
          else if (settled !== TAKEN) discardBody(settled?.body).catch(failedLate);
        },
        (error: unknown) => {
          clearTimeout(timer);
          if (late === undefined) reject(error);
          else failedLate(error);
        },
      );
    });
  }
}

function gatewayTimeout(method: string): GatewayResponse {
  const body = method === 'HEAD' ? null : 'Gateway Timeout\n';
  return { status: 504, headers: ['content-type', 'text/plain; charset=utf-8'], body };
}
