// A worker's context and the other end of it: the server tells the application to drain, and learns what it must wait for.

import type { Context, Log } from './interface.ts';

/** Who serves. Defaults: name `tsgi`, worker 0, generation 1, warnings and errors to the console. */
export interface ContextOptions {
  readonly name?: string;
  readonly worker?: number;
  readonly generation?: number;
  readonly log?: Log;
  /** Called when readiness or its reason changes. */
  readonly onReady?: (ready: boolean, reason: string) => void;
}

/** The server's side of a context. */
export interface ContextControl {
  readonly context: Context;
  /** False after `setReady(false)` and from the beginning of a drain on. */
  readonly ready: boolean;
  /** Why it is not ready; `''` when it is. */
  readonly reason: string;
  /** Aborts `context.draining` and turns readiness off. A second call does nothing. */
  drain(): void;
  /** Resolves when everything given to `waitUntil` has settled, later additions included. */
  settled(): Promise<void>;
}

// What goes wrong must not be lost because nobody gave a log.
const fallback: Log = {
  debug() {},
  info() {},
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};

/** Makes the context that an adapter passes to `start` and to every `handle`. */
export function createContext(options: ContextOptions = {}): ContextControl {
  const log = options.log ?? fallback;
  const draining = new AbortController();
  const pending = new Set<Promise<unknown>>();
  let ready = true;
  let reason = '';

  function setReady(now: boolean, why = ''): void {
    const told = now ? '' : why;
    const changed = now !== ready || told !== reason;
    ready = now;
    reason = told;
    if (changed) options.onReady?.(ready, reason);
  }

  const context: Context = {
    name: options.name ?? 'tsgi',
    worker: options.worker ?? 0,
    generation: options.generation ?? 1,
    log,
    draining: draining.signal,
    waitUntil(promise) {
      const watched = Promise.resolve(promise)
        .catch((error: unknown) => log.error({ err: error }, 'work given to waitUntil failed'))
        .finally(() => pending.delete(watched));
      pending.add(watched);
    },
    setReady(now, why) {
      // Once draining, a worker cannot become ready again.
      if (!draining.signal.aborted) setReady(now, why);
    },
  };

  return {
    context,
    get ready() {
      return ready;
    },
    get reason() {
      return reason;
    },
    drain() {
      if (draining.signal.aborted) return;
      setReady(false, 'draining');
      draining.abort();
    },
    async settled() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
