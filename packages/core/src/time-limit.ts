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
      if (isPromise(outcome)) return limited.race(outcome, ms, context);
      limited.end(outcome);
      return outcome;
    });
}

/** One request under a time limit, and what the limit changes about it. */
class Limited implements RequestChanges {
  readonly #request: GatewayRequest;
  #controller: AbortController | undefined;
  #unfollow: (() => void) | undefined;
  #upgrade: Upgrade | null | undefined;
  #taken = false;
  #ended = false;

  constructor(request: GatewayRequest) {
    this.#request = request;
  }

  /** Aborts when the request's own signal does, and when the time is up. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const { signal } = this.#request;
    if (this.#ended || signal.aborted) return signal;
    // Not AbortSignal.any: it takes three times as long, and where the request's signal outlives the request, what `any`
    // made of it is never collected once somebody listens to it (seen on Node 26).
    const controller = new AbortController();
    this.#controller = controller;
    const follow = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', follow, { once: true });
    this.#unfollow = () => signal.removeEventListener('abort', follow);
    return controller.signal;
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

  /** The time limit no longer applies. `outcome` is what was answered, undefined when nothing was. */
  end(outcome?: Outcome): void {
    this.#ended = true;
    // A body that is still to be streamed, and a socket, must hear of a client that leaves; they are the last to hold on
    // to the request and its signal.
    if (outcome !== TAKEN && !isStream(outcome?.body)) this.#unfollow?.();
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
        this.end();
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
          if (late === undefined) {
            this.end(settled);
            resolve(settled);
          } else if (settled !== TAKEN) {
            discardBody(settled?.body).catch(failedLate);
          }
        },
        (error: unknown) => {
          clearTimeout(timer);
          if (late === undefined) {
            this.end();
            reject(error);
          } else {
            failedLate(error);
          }
        },
      );
    });
  }
}

function isStream(body: GatewayResponse['body'] | undefined): boolean {
  return typeof body === 'object' && body !== null && !(body instanceof Uint8Array);
}

function gatewayTimeout(method: string): GatewayResponse {
  const body = method === 'HEAD' ? null : 'Gateway Timeout\n';
  return { status: 504, headers: ['content-type', 'text/plain; charset=utf-8'], body };
}
