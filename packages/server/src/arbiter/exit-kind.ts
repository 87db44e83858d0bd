// Why a worker ended, as one of few words. Lines of a log say it at length; metrics and hooks need something to count by.

import type { WorkerExit } from './worker-process.ts';

export const EXIT_KINDS = [
  /** It ended its process itself: an error that nobody caught, `process.exit()`, or a TERM that was meant for it alone. */
  'exit',
  /** Somebody else killed it: an operator, or the system when memory ran out. */
  'signal',
  /** V8 aborted it, as it does when its heap is full. */
  'out_of_memory',
  /** It ended before it accepted connections, or did not come so far in time. */
  'failed_to_start',
  /** Its main loop did not turn for `timeout`. */
  'hung',
  'max_requests',
  'max_memory',
  'max_lifetime',
  /** A newer generation took its place. */
  'reloaded',
  /** Another worker of its generation did not start, so the reload came to nothing. */
  'rolled_back',
  'scaled',
  'stopped',
  /** By `tsgi workers kill`. */
  'killed',
] as const;

export type ExitKind = (typeof EXIT_KINDS)[number];

/** The kind of an exit that the arbiter did not ask for, of a worker that had `accepted` before or not. */
export function kindOfExit({ code, signal }: WorkerExit, accepted: boolean): ExitKind {
  if (!accepted) return 'failed_to_start';
  if (signal === 'SIGABRT' || code === 134) return 'out_of_memory';
  return signal === null ? 'exit' : 'signal';
}
