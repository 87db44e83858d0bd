// Gateway middleware: an application that stands in front of another one, whatever framework or bridge that one is.

import { deriveResponse, type ResponseChanges } from './derive.ts';
import type { Application, GatewayResponse, Outcome } from './interface.ts';

/** Makes an application that answers in front of `next`. It passes `start` and `stop` on; {@link wrap} does so. */
export type Middleware = (next: Application) => Application;

/** One middleware made of several. The first is the outermost: it sees a request first and its response last. */
export function compose(...middlewares: Middleware[]): Middleware {
  return (application) => middlewares.reduceRight((next, middleware) => middleware(next), application);
}

/** An application that handles requests by `handle`, and starts and stops as `next` does. */
export function wrap(next: Application, handle: Application['handle']): Application {
  return {
    handle,
    start: (context) => next.start?.(context),
    stop: () => next.stop?.(),
  };
}

/**
 * The outcome of `next.handle` with some of its response changed. An outcome that came at once stays so: no promise is
 * made. TAKEN passes, and so does what is no response at all, for the adapter to name.
 */
export function mapResponse(
  outcome: Outcome | Promise<Outcome>,
  change: (response: GatewayResponse) => ResponseChanges,
): Outcome | Promise<Outcome> {
  if (isPromise(outcome)) return outcome.then((settled) => mapResponse(settled, change));
  if (typeof outcome !== 'object' || outcome === null) return outcome;
  return deriveResponse(outcome, change(outcome));
}

/** Whether `handle` returned a promise; another realm's and a library's own count too. */
export function isPromise(outcome: Outcome | Promise<Outcome>): outcome is Promise<Outcome> {
  return typeof (outcome as Promise<Outcome> | undefined)?.then === 'function';
}
