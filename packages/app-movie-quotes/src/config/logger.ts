// The log: JSON lines on standard output or appended to a file, or lines for a person where a terminal shows them.

import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import type { LogConfig } from './config.ts';

/** Fields that are never written, wherever they stand in what is logged. */
const SECRETS = new Set(['password', 'token', 'secret', 'authorization', 'cookie', 'set-cookie', '_csrf']);

/** `fields` without secrets, down to the fields of their fields. pino's own `redact` costs each request, also one without a line. */
function withoutSecrets(fields: Record<string, unknown>, depth = 1): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (SECRETS.has(name.toLowerCase())) return [name, '[secret]'];
      const isPlain = depth > 0 && value !== null && Object.getPrototypeOf(value) === Object.prototype;
      return [name, isPlain ? withoutSecrets(value as Record<string, unknown>, depth - 1) : value];
    }),
  );
}

/** Makes the logger. `terminal` is whether a person reads it; default: whether standard output is a terminal. */
export function createLogger({ level, file }: LogConfig, terminal: boolean = process.stdout.isTTY === true): Logger {
  const options: LoggerOptions = { level, formatters: { log: withoutSecrets } };
  if (file !== null) return pino(options, appendTo(file));
  if (!terminal) return pino(options);
  // Loaded for a person alone: it takes a megabyte or two.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const readable = pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, sync: true });
  return pino(options, readable);
}

/** Milliseconds after which the next line looks whether the file was rotated. */
const LOOK_AGAIN = 1000;

/**
 * Each line is one write to a file opened for append, so any number of workers and containers share one file. After that was
 * renamed, as by logrotate, it is opened anew: whoever rotates it knows one of those who write to it, at most.
 */
function appendTo(file: string): DestinationStream {
  const destination = pino.destination({ dest: file, append: true, sync: true, mkdir: false });
  let lookAt = performance.now() + LOOK_AGAIN;
  return {
    write(line) {
      if (performance.now() >= lookAt) {
        lookAt = performance.now() + LOOK_AGAIN;
        if (wasRenamed(destination, file)) destination.reopen();
      }
      destination.write(line);
    },
  };
}

/** Whether the name is another file's by now; it is made where there is none. */
function wasRenamed(destination: object, file: string): boolean {
  try {
    closeSync(openSync(file, 'a'));
    const [open, named] = [fstatSync((destination as { readonly fd: number }).fd), statSync(file)];
    return open.ino !== named.ino || open.dev !== named.dev;
  } catch {
    return false; // No file can be made there now: the old one goes on.
  }
}
