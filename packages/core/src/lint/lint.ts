// lint(application): the same application, with both sides of the gateway interface checked against the rules. It reads
// like the life of a worker: start, requests, stop.

import { header } from '../headers.ts';
import type { Application, Context, GatewayRequest, Outcome } from '../interface.ts';
import { Exchange } from './exchange.ts';
import { applicationProblem, Lifecycle } from './lifecycle.ts';
import { LintedRequest } from './linted-request.ts';
import { type LintOptions, Report } from './report.ts';
import { show } from './show.ts';

/**
 * Wraps `application` so that every rule of docs/spec.md that can be seen from here is checked: what the server gives
 * and in which order it calls, what the application gives back and what it does with what it was given. A broken rule
 * throws `TSGI_ERR_LINT` with the rule's number, or goes to `options.onBreak`. Nothing else is changed: what came at
 * once still does, what is lazy stays so. For tests and development: it costs more than it should in production.
 *
 * Around a middleware, lint both: `lint(middleware(lint(application)))`.
 */
export function lint(application: Application, options: LintOptions = {}): Application {
  const report = new Report(options);
  const problem = applicationProblem(application);
  if (problem !== undefined) report.broken('A1', problem);
  return new Linted(application, report).asApplication();
}

class Linted {
  readonly #application: Application;
  readonly #report: Report;
  readonly #lifecycle: Lifecycle;
  /** Every request whose response has not been sent to its end. */
  readonly #open = new Set<Exchange>();

  constructor(application: Application, report: Report) {
    this.#application = application;
    this.#report = report;
    this.#lifecycle = new Lifecycle(report);
  }

  asApplication(): Application {
    const linted = this;
    const checkThis = (receiver: unknown, name: string): void => {
      if (receiver !== application) this.#report.broken('A5', `the server called ${name} not as a method`);
    };
    const application: Application = {
      start(context) {
        checkThis(this, 'start');
        return linted.#start(context);
      },
      handle(request, context) {
        checkThis(this, 'handle');
        return linted.#handle(request, context);
      },
      stop() {
        checkThis(this, 'stop');
        return linted.#stop();
      },
    };
    return application;
  }

  #start(given: Context): void | Promise<void> {
    const lifecycle = this.#lifecycle;
    const context = lifecycle.start(given);
    return follow(
      () => this.#application.start?.(context),
      () => lifecycle.started(),
      () => lifecycle.startFailed(),
    );
  }

  #handle(given: GatewayRequest, context: Context): Outcome | Promise<Outcome> {
    const linted = this.#lifecycle.handle(context);
    if (typeof given !== 'object' || given === null) {
      this.#report.broken('A5', `the server called handle with ${show(given)} as the request`);
      return this.#application.handle(given, linted);
    }
    const exchange = this.#exchange(given);
    return follow(
      () => this.#application.handle(exchange.request, linted),
      (outcome) => exchange.answer(outcome),
      () => exchange.fail(),
    );
  }

  #exchange(given: GatewayRequest): Exchange {
    const request = new LintedRequest(given, this.#report);
    const exchange = new Exchange(request, this.#lifecycle, this.#report, (closed) => this.#open.delete(closed));
    for (const other of this.#open) {
      if (other.id === exchange.id && header(request.headers, 'x-request-id') !== exchange.id) {
        this.#report.broken('B19', `request.id is ${show(exchange.id)}, and so is that of another request in flight`);
      }
    }
    this.#open.add(exchange);
    return exchange;
  }

  #stop(): void | Promise<void> {
    const lifecycle = this.#lifecycle;
    lifecycle.stop();
    for (const exchange of this.#open) exchange.stop(lifecycle.log);
    const stopped = (): void => lifecycle.stopped();
    return follow(() => this.#application.stop?.(), stopped, stopped);
  }
}

/** Calls, and then tells how it ended. What came without a promise is given on without one. */
function follow<From, To>(
  call: () => From | Promise<From>,
  done: (value: From) => To,
  failed: () => void,
): To | Promise<To> {
  let result: From | Promise<From>;
  try {
    result = call();
  } catch (error) {
    failed();
    throw error;
  }
  if (!isPromise(result)) return done(result);
  return result.then(done, (error: unknown) => {
    failed();
    throw error;
  });
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof (value as Promise<Value> | undefined)?.then === 'function';
}
