// The log: JSON lines on standard output or appended to a file, or lines for a person where a terminal shows them.

import { createRequire } from 'node:module';
import { type Logger, type LoggerOptions, pino } from 'pino';
import type { LogConfig } from './config.ts';

/** What is never written, wherever it stands in what is logged. */
const SECRET_FIELDS = ['password', 'token', 'secret', 'authorization', 'cookie', '_csrf', 'set-cookie'];

/** Makes the logger. `terminal` is whether a person reads it; default: whether standard output is a terminal. */
export function createLogger({ level, file }: LogConfig, terminal: boolean = process.stdout.isTTY === true): Logger {
  const options: LoggerOptions = {
    level,
    redact: { paths: SECRET_FIELDS.flatMap((name) => [`["${name}"]`, `*["${name}"]`]), censor: '[secret]' },
  };
  // Each line is one write to a file opened for append, so any number of workers and containers share one file.
  if (file !== null) return pino(options, pino.destination({ dest: file, append: true, sync: true, mkdir: false }));
  if (!terminal) return pino(options);
  // Loaded for a person alone: it takes a megabyte or two.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const readable = pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, sync: true });
  return pino(options, readable);
}
