// The access log: a line for each request, appended to a file that other workers and containers append to as well.

import type { Observe } from '@tsgi/adapter-node';
import type { Log } from '@tsgi/core';
import pino from 'pino';
import type { Settings } from '../settings/table.ts';
import { accessFormat } from './access-format.ts';

/** Milliseconds that a line waits at most for others to go with it. */
const BATCH = 100;
/** Bytes after which a batch does not wait. */
const FULL = 16_384;
/** Bytes that are kept for a disk that takes none; beyond it lines are dropped and counted. */
const KEPT = 4 * 1024 * 1024;

/** An open access log. */
export interface AccessLog {
  readonly observe: Observe;
  /** Lines that were lost because the disk took none. */
  readonly dropped: number;
  reopen(): void;
  /** Writes what waits, now. */
  flush(): void;
}

/** Opens the access log that `settings` ask for; null where they ask for none. */
export function openAccessLog(settings: Settings, worker: number, log: Log): AccessLog | null {
  const { accessLogfile, accessLogFormat } = settings;
  if (accessLogfile === null) return null;
  const format = accessFormat(accessLogFormat);
  // Each write holds whole lines and goes to the end of the file (O_APPEND), so lines of several writers never mix.
  const destination = pino.destination({
    dest: accessLogfile === '-' ? 1 : accessLogfile,
    append: true,
    sync: false,
    minLength: FULL,
    maxWrite: 4 * FULL,
    maxLength: KEPT,
    periodicFlush: BATCH,
  });
  let count = 0;
  let dropped = 0;
  let failing = false;
  // A full disk ends the log, not the service: one warning, and another when it is over.
  destination.on('error', (error) => {
    if (!failing)
      log.warn({ err: error, file: accessLogfile }, 'the access log cannot be written; lines are being lost');
    failing = true;
  });
  destination.on('drop', () => {
    dropped++;
  });
  destination.on('drain', () => {
    if (failing) log.warn({ dropped, file: accessLogfile }, 'the access log is written again');
    failing = false;
  });
  return {
    observe(request, ended) {
      count++;
      destination.write(`${format({ request, ended, worker, count, at: new Date() })}\n`);
    },
    get dropped() {
      return dropped;
    },
    reopen: () => destination.reopen(),
    flush: () => destination.flushSync(),
  };
}
