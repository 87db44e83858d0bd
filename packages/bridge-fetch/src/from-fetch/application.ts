// A fetch-style application, Hono's or a plain function, as a gateway application.

import {
  type Application,
  type Context,
  derive,
  type GatewayRequest,
  type GatewayResponse,
  type RawSocket,
  TAKEN,
  type Upgrade,
} from '@tsgi/core';
import { bridgedRequest } from './request.ts';
import { gatewayResponse } from './response.ts';

/** What is passed beside the request, where platforms pass their bindings; Hono's `c.env`. */
export interface FetchEnv {
  /** The request as the gateway has it: `client`, `peer`, `id`, `target` as sent, `upgrade`, `inform`. */
  readonly gateway: GatewayRequest;
  /** Who serves: the worker's name, number, generation, log and drain signal. */
  readonly context: Context;
}

/** The part of a platform's ExecutionContext that has a meaning here; Hono's `c.executionCtx`. */
export interface FetchExecution {
  /** Work that outlives the response. A drain waits for it; a rejection is logged. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing: there is no origin server to pass on to. */
  passThroughOnException(): void;
  readonly props: unknown;
}

/** A function from request to response. */
export type FetchFunction = (
  request: Request,
  env: FetchEnv,
  execution: FetchExecution,
) => Response | Promise<Response>;

/** An object with such a function: a Hono application, an itty-router, `export default { fetch }`. */
export interface FetchApplication {
  fetch: FetchFunction;
}

/** What a fetch application has no place for. */
export interface FromFetchOptions {
  /** Runs once, before the first request: open pools. A throw keeps the worker from becoming ready. */
  readonly start?: (context: Context) => void | Promise<void>;
  /** Runs once, after the last response: close them. */
  readonly stop?: () => void | Promise<void>;
}

/**
 * Makes a gateway application of one that answers a `Request` with a `Response`.
 *
 * The request's URL is scheme, host, `mountPath` and `target` together; without a host it has `localhost`. A target that
 * has no URL gets 400, and TRACE, which a `Request` cannot be, 501. An upgrade is an ordinary request, unless the
 * application takes its socket by `env.gateway.upgrade.take()`: then what it returns is not sent.
 */
export function fromFetch(app: FetchApplication | FetchFunction, options: FromFetchOptions = {}): Application {
  if (typeof app !== 'function' && typeof app?.fetch !== 'function') {
    throw new TypeError('fromFetch takes a function (request) => response, or an object with such a function as fetch');
  }
  const call: FetchFunction =
    typeof app === 'function' ? app : (request, env, execution) => app.fetch(request, env, execution);
  // One context serves for a worker's whole life, so what is made of it is kept.
  let current: { readonly context: Context; readonly execution: FetchExecution } | undefined;

  return {
    start: (context) => options.start?.(context),
    stop: () => options.stop?.(),
    async handle(gateway, context) {
      const { method, upgrade } = gateway;
      // No Request can have these methods (Fetch section 2.2.1), so no application can answer them.
      if (method === 'TRACE' || method === 'TRACK') return plain(501, 'Not Implemented\n');
      const request = bridgedRequest(gateway);
      if (request === null) return plain(400, 'Bad Request\n');
      if (current?.context !== context) current = { context, execution: executionOf(context) };
      const { execution } = current;
      if (upgrade === null) return gatewayResponse(await call(request, { gateway, context }, execution), method);

      const offer = new Offer(upgrade);
      const env = { gateway: derive(gateway, { upgrade: offer }), context };
      const response = await call(request, env, execution);
      if (!offer.taken) return gatewayResponse(response, method);
      await response?.body?.cancel();
      return TAKEN;
    },
  };
}

/** The upgrade as the application sees it: a fetch function can only return a response, so `take()` is remembered. */
class Offer implements Upgrade {
  readonly #upgrade: Upgrade;
  taken = false;

  constructor(upgrade: Upgrade) {
    this.#upgrade = upgrade;
  }
  get protocol(): string {
    return this.#upgrade.protocol;
  }
  get head(): Uint8Array {
    return this.#upgrade.head;
  }
  take(): RawSocket {
    const socket = this.#upgrade.take();
    this.taken = true;
    return socket;
  }
}

function executionOf(context: Context): FetchExecution {
  return {
    waitUntil: (promise) => context.waitUntil(promise),
    passThroughOnException() {},
    props: {},
  };
}

function plain(status: number, body: string): GatewayResponse {
  return { status, headers: ['content-type', 'text/plain; charset=utf-8'], body };
}
