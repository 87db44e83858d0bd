// The log: JSON lines on standard output, or lines for a person where that is a terminal.

import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/** Makes the logger. `terminal` is whether a person reads it; default: whether standard output is a terminal. */
export async function createLogger(
  { level }: Config['log'],
  terminal: boolean = process.stdout.isTTY === true,
): Promise<Logger> {
  if (!terminal) return pino({ level });
  const { default: pretty } = await import('pino-pretty');
  return pino({ level }, pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss', singleLine: true, sync: true }));
}
