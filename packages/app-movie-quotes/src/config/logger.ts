// The log: JSON lines on standard output, or lines for a person where that is a terminal.

import { createRequire } from 'node:module';
import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/** Makes the logger. `terminal` is whether a person reads it; default: whether standard output is a terminal. */
export function createLogger({ level }: Config['log'], terminal: boolean = process.stdout.isTTY === true): Logger {
  if (!terminal) return pino({ level });
  // Loaded for a person alone: it takes a megabyte or two.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const readable = pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, sync: true });
  return pino({ level }, readable);
}
