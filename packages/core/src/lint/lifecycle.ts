// Section A: what an application is, how a worker starts it, and the context that the worker gives it.

import type { Context, Log } from '../interface.ts';
import type { Report } from './report.ts';
import { type RuleTable, rule } from './rule.ts';
import { show } from './show.ts';

export type LifecycleRule = 'A1' | 'A2' | 'A3' | 'A4' | 'A5' | 'A6' | 'A7' | 'A8' | 'A9' | 'A10' | 'A11';

export const lifecycleRules: RuleTable<LifecycleRule> = {
  A1: rule(
    'application',
    'lint',
    'An application MUST be an object with a function `handle`. `start` and `stop` are functions or absent. Nothing else',
    'of the object concerns the server.',
  ),
  A2: rule(
    'server',
    'lint',
    'The server MUST call `start(context)`, where there is one, exactly once, and MUST wait for its promise before it',
    'calls `handle`: it is where pools are opened that requests need.',
  ),
  A3: rule(
    'server',
    'lint',
    'When `start` throws or rejects, the server MUST call neither `handle` nor `stop`. What `start` had opened before it',
    'failed is its own to close.',
  ),
  A4: rule(
    'server',
    'conformance',
    'An error of `start` MUST reach whoever started the server, unchanged, and no connection is accepted: a worker that',
    'cannot work must not look as if it could.',
  ),
  A5: rule(
    'server',
    'lint',
    'The server MUST call `handle(request, context)`, `start(context)` and `stop()` with these arguments and as methods of',
    'the application (`application.handle(...)`), so that it can be an instance of a class.',
  ),
  A6: rule(
    'server',
    'lint',
    'The context given to `start` and to every `handle` MUST be one and the same object for the life of the worker:',
    '`name` a string, `worker` an integer from 0, `generation` an integer from 1, `log` an object with `debug`, `info`,',
    '`warn` and `error`, `draining` an AbortSignal, `waitUntil` and `setReady` functions.',
  ),
  A7: rule(
    'application',
    'lint',
    '`waitUntil` MUST be given a promise, of work that outlives its response (an audit record, a mail). It returns at once.',
  ),
  A8: rule('application', 'lint', '`setReady` MUST be given a boolean, and a string as its reason if any.'),
  A9: rule(
    'server',
    'conformance',
    'A worker is ready when `start` has returned, unless `setReady(false)` was called in it. `setReady` changes what the',
    'server tells about its readiness and nothing else: a request that still arrives MUST be handled. From the beginning',
    'of a drain on the worker is not ready, whatever `setReady` is told.',
  ),
  A10: rule(
    'server',
    'conformance',
    'A promise given to `waitUntil` that rejects MUST give one log entry at level error, and MUST NOT end the process.',
  ),
  A11: rule(
    'server',
    'conformance',
    'The server MUST call `handle` for a request without waiting for the `handle` of a request on another connection.',
    'Calls therefore overlap, and an application keeps nothing of one request where another can see it.',
  ),
};

/** Why `application` is none (A1). */
export function applicationProblem(application: unknown): string | undefined {
  if (typeof application !== 'object' || application === null) return `the application is ${show(application)}`;
  const { handle, start, stop } = application as Record<string, unknown>;
  if (typeof handle !== 'function') return `the application has ${show(handle)} as handle`;
  if (start !== undefined && typeof start !== 'function') return `the application has ${show(start)} as start`;
  if (stop !== undefined && typeof stop !== 'function') return `the application has ${show(stop)} as stop`;
}

/** Why `context` is none (A6). */
function contextProblem(context: unknown): string | undefined {
  if (typeof context !== 'object' || context === null) return `the context is ${show(context)}`;
  const { name, worker, generation, log, draining, waitUntil, setReady } = context as Record<string, unknown>;
  if (typeof name !== 'string') return `context.name is ${show(name)}`;
  if (!isInteger(worker, 0)) return `context.worker is ${show(worker)}`;
  if (!isInteger(generation, 1)) return `context.generation is ${show(generation)}`;
  for (const level of ['debug', 'info', 'warn', 'error']) {
    const method = (log as Record<string, unknown> | null | undefined)?.[level];
    if (typeof method !== 'function') return `context.log.${level} is ${show(method)}`;
  }
  if (!(draining instanceof AbortSignal)) return `context.draining is ${show(draining)}, not an AbortSignal`;
  if (typeof waitUntil !== 'function') return `context.waitUntil is ${show(waitUntil)}`;
  if (typeof setReady !== 'function') return `context.setReady is ${show(setReady)}`;
}

function isInteger(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least;
}

/** Where a worker stands, from what was called so far. */
type Phase = 'new' | 'starting' | 'started' | 'failed' | 'stopping' | 'stopped';

/** Follows the calls of a worker: their order, and the one context that comes with them. */
export class Lifecycle {
  readonly #report: Report;
  #phase: Phase = 'new';
  #handled = false;
  #given: Context | undefined;
  #linted: Context | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Whether `stop` has been called: from then on everything else is too late. */
  get over(): boolean {
    return this.#phase === 'stopping' || this.#phase === 'stopped';
  }

  /** Where breaks that are found late are logged. */
  get log(): Log | undefined {
    return this.#given?.log;
  }

  /** `start` is called; gives the context to pass on. */
  start(context: Context): Context {
    if (this.over) this.#report.broken('H6', 'the server called start after stop');
    else if (this.#phase !== 'new') this.#report.broken('A2', 'the server called start a second time');
    // Until the context has been found right.
    this.#phase = 'failed';
    const linted = this.#check(context);
    this.#phase = 'starting';
    return linted;
  }

  started(): void {
    if (this.#phase === 'starting') this.#phase = 'started';
  }

  startFailed(): void {
    this.#phase = 'failed';
  }

  /** `handle` is called; gives the context to pass on. */
  handle(context: Context): Context {
    if (this.over) this.#report.broken('H6', 'the server called handle after stop');
    else if (this.#phase === 'failed') this.#report.broken('A3', 'the server called handle although start had failed');
    else if (this.#phase === 'new') this.#report.broken('A2', 'the server called handle without start');
    else if (this.#phase === 'starting')
      this.#report.broken('A2', 'the server called handle before start had returned');
    this.#handled = true;
    return this.#check(context);
  }

  /** `stop` is called. */
  stop(): void {
    if (this.over) this.#report.broken('H6', 'the server called stop a second time');
    else if (this.#phase === 'failed') this.#report.broken('A3', 'the server called stop although start had failed');
    else if (this.#phase !== 'started') this.#report.broken('H4', 'the server called stop before start had returned');
    if (this.#handled && this.#given?.draining.aborted === false) {
      this.#report.late('H5', 'the server called stop before context.draining was aborted', this.log);
    }
    this.#phase = 'stopping';
  }

  stopped(): void {
    this.#phase = 'stopped';
  }

  #check(context: Context): Context {
    if (context === this.#given) return this.#linted as Context;
    const problem = contextProblem(context);
    if (problem !== undefined) {
      this.#report.broken('A6', problem);
      return context;
    }
    if (this.#given !== undefined) this.#report.broken('A6', 'the server gave another context than before');
    this.#given = context;
    this.#linted = this.#lint(context);
    return this.#linted;
  }

  #lint(context: Context): Context {
    const report = this.#report;
    const late = (call: string): void => {
      if (this.#phase === 'stopped') report.late('H7', `the application called ${call} after stop`, context.log);
    };
    return {
      name: context.name,
      worker: context.worker,
      generation: context.generation,
      log: context.log,
      draining: context.draining,
      waitUntil(promise) {
        late('waitUntil');
        if (typeof promise?.then !== 'function') report.broken('A7', `waitUntil was given ${show(promise)}`);
        context.waitUntil(promise);
      },
      setReady(ready, reason) {
        late('setReady');
        if (typeof ready !== 'boolean') report.broken('A8', `setReady was given ${show(ready)}`);
        if (reason !== undefined && typeof reason !== 'string') {
          report.broken('A8', `setReady was given ${show(reason)} as its reason`);
        }
        context.setReady(ready, reason);
      },
    };
  }
}
