// The server's log: pino, as JSON, or readable on a terminal.

import type { Log } from '@tsgi/core';
import pino from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../settings/table.ts';

/** Makes the log that `settings` ask for; `fields` stand in each of its lines. */
export function createLog(settings: Settings, fields: object): Log {
  const { logLevel, logFormat, logFile, name } = settings;
  const destination = logFile === '-' ? 1 : logFile;
  const readable = logFormat === 'pretty' || (logFormat === 'auto' && logFile === '-' && process.stdout.isTTY);
  const stream = readable
    ? pretty({ destination, ignore: 'pid,hostname,name', translateTime: 'SYS:HH:MM:ss.l', sync: true })
    : // Opened for append, and each line written whole by one call: several processes share the file.
      pino.destination({ dest: destination, append: true, sync: true });
  return pino({ level: logLevel, name, base: { name, ...fields } }, stream) as Log;
}
