// A gateway application as a fetch function, for somebody else's server: Deno.serve, Bun.serve, a route of a Hono app.

import { type Address, type Application, type ContextOptions, createContext, TAKEN, TsgiError } from '@tsgi/core';
import { FetchedRequest } from './request.ts';
import { fetchResponse, plain } from './response.ts';

/** How the application is served. `Args` are what the host passes after the request: an info object, an env, a server. */
export interface ToFetchOptions<Args extends readonly unknown[]> extends ContextOptions {
  /**
   * The prefix that the host has taken off the URL already, as Hono's `app.mount` does: a path that starts with `/` and
   * does not end with one. Default `''`. Where the host leaves it on, take it off by core's `mount(prefix, application)`.
   */
  readonly mountPath?: string;
  /**
   * Who the client is; a Request does not say. Default: `{ kind: 'unix' }`, somebody without an address.
   * In Deno: `(request, info) => ({ kind: 'ip', address: info.remoteAddr.hostname, port: info.remoteAddr.port })`.
   */
  readonly client?: (request: Request, ...args: Args) => Address;
}

/** The fetch function, with the application's beginning and end. */
export interface FetchHandler<Args extends readonly unknown[]> {
  (request: Request, ...args: Args): Promise<Response>;
  /** Runs the application's `start`, once; the first request does it where nobody did. Rejects with what `start` throws. */
  start(): Promise<void>;
  /**
   * Aborts `context.draining`, answers 503 from now on, waits for what is in flight and for `waitUntil`, and then runs the
   * application's `stop`, once. Rejects with what `stop` throws.
   */
  stop(): Promise<void>;
}

/**
 * Serves `application` wherever a function from Request to Response is served. What fetch cannot carry is not there:
 * `upgrade` is null, `inform()` and trailers do nothing, `peer` is the client. A throw of the application is one entry of
 * the log and a 500 without detail. When `start` throws, the log has the error once and every request gets a 500.
 *
 * Throws `TSGI_ERR_OPTION` for a `mountPath` that is none.
 */
export function toFetch<Args extends readonly unknown[] = unknown[]>(
  application: Application,
  options: ToFetchOptions<Args> = {},
): FetchHandler<Args> {
  const { mountPath = '' } = options;
  if (mountPath !== '' && !/^\/[^?#]*[^/?#]$/.test(mountPath)) {
    const expected = 'a path that starts with / and does not end with one, such as /shop, or nothing';
    throw new TsgiError('TSGI_ERR_OPTION', { option: 'mountPath', value: JSON.stringify(mountPath), expected });
  }
  const host = new Host(application, mountPath, options);
  return Object.assign((request: Request, ...args: Args) => host.fetch(request, args), {
    start: () => host.start(),
    stop: () => host.stop(),
  });
}

const UNKNOWN: Address = { kind: 'unix' };

/** One application, from its start to its stop. */
class Host<Args extends readonly unknown[]> {
  readonly #application: Application;
  readonly #mountPath: string;
  readonly #client: ToFetchOptions<Args>['client'];
  readonly #control;
  // Ids are unique within the process; the prefix tells processes apart in a common log.
  readonly #idPrefix = `${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}-`;
  #ids = 0;
  #inFlight = 0;
  #idle = (): void => {};
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(application: Application, mountPath: string, options: ToFetchOptions<Args>) {
    this.#application = application;
    this.#mountPath = mountPath;
    this.#client = options.client;
    this.#control = createContext(options);
  }

  async fetch(request: Request, args: Args): Promise<Response> {
    if (this.#stopping !== undefined) return plain(503, 'Service Unavailable\n', request.method);
    const { context } = this.#control;
    this.#inFlight++;
    this.#ids++;
    const id = this.#idPrefix + this.#ids.toString(36);
    try {
      await this.start();
    } catch {
      this.#done();
      return failure(request.method);
    }
    const client = (): Address => this.#client?.(request, ...args) ?? UNKNOWN;
    const gateway = new FetchedRequest(request, this.#mountPath, id, client);
    try {
      const outcome = await this.#application.handle(gateway, context);
      if (outcome === TAKEN) throw new TsgiError('TSGI_ERR_UPGRADE_TAKEN', { problem: 'fetch has no upgrade' });
      return await fetchResponse(outcome, request.method, (error) => {
        if (error !== undefined) {
          const { method, target } = gateway;
          const message = 'the response was cut: its body failed after the head was sent';
          context.log.error({ err: error, requestId: id, method, target }, message);
        }
        this.#done();
      });
    } catch (error) {
      const { method, target } = gateway;
      context.log.error({ err: error, requestId: id, method, target }, 'the application failed to answer');
      this.#done();
      return failure(method);
    }
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { context } = this.#control;
    try {
      await this.#application.start?.(context);
    } catch (error) {
      context.log.error({ err: error }, 'the application did not start');
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#control.drain();
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#control.settled();
    await this.#starting?.then(
      () => this.#application.stop?.(),
      // What did not start is not stopped.
      () => undefined,
    );
  }

  #done(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#idle();
  }
}

function failure(method: string): Response {
  return plain(500, 'Internal Server Error\n', method);
}
