// The server's log: pino, as JSON, or readable on a terminal.

import { createRequire } from 'node:module';
import type { Log } from '@tsgi/core';
import pino from 'pino';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { LineFile } from './line-file.ts';

/** The log of this process. */
export interface ServerLog extends Log {
  /** Opens its file again, after that was renamed. */
  reopen(): void;
}

/** Makes the log that `settings` ask for; `fields` stand in each of its lines. Throws a {@link SettingError}. */
export function createLog(settings: Settings, fields: object): ServerLog {
  const { logLevel, logFormat, logFile, name } = settings;
  const lines = new LogLines(open(logFile), (lost) =>
    log.warn({ lost, file: logFile }, `${lost} lines of this log could not be written`),
  );
  const readable = logFormat === 'pretty' || (logFormat === 'auto' && logFile === '-' && process.stdout.isTTY);
  const ignore = settings.dev ? 'pid,hostname,name,worker,generation' : 'pid,hostname,name';
  const prettify = readable
    ? loadPretty().prettyFactory({ ignore, translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
    : null;
  const write = prettify === null ? (line: string) => line : (line: string) => prettify(JSON.parse(line)) ?? '';
  const log = pino(
    { level: logLevel, name, base: { name, ...fields } },
    { write: (line: string) => lines.write(write(line)) },
  );
  return Object.assign(log as Log, { reopen: () => lines.reopen() });
}

/** Only where a person reads the log: it is a megabyte or two of every process. */
function loadPretty(): typeof import('pino-pretty') {
  return createRequire(import.meta.url)('pino-pretty');
}

function open(path: string): LineFile {
  try {
    return new LineFile(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SettingError(`the log file ${path} cannot be opened: ${message}`, 'make its folder, or name another', {
      cause,
    });
  }
}

/** Milliseconds that a line waits for a pipe that is full. The process does nothing else meanwhile. */
const PATIENCE = 100;
const NEWLINE = 0x0a;

/** Lines that are each written before the next statement runs: the process may not live to a later one. */
class LogLines {
  readonly #file: LineFile;
  readonly #onRecovered: (lost: number) => void;
  #lost = 0;
  /** The file ends with a part of a line. */
  #cut = false;

  constructor(file: LineFile, onRecovered: (lost: number) => void) {
    this.#file = file;
    this.#onRecovered = onRecovered;
  }

  /** Never throws: a disk that is full or a reader that is gone ends the log, not the service. */
  write(line: string): void {
    let left: Buffer = Buffer.from(this.#cut ? `\n${line}` : line);
    try {
      // One that was full for the line before is not waited for again.
      while (left.length > 0) left = this.#file.appendSync(left, this.#lost > 0 ? 0 : PATIENCE);
    } catch {
      this.#lost++;
      this.#cut = left[0] === NEWLINE;
      return;
    }
    this.#cut = false;
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#onRecovered(lost);
  }

  reopen(): void {
    try {
      this.#file.reopen();
    } catch {
      // The old file goes on. Whoever renamed it sees that there is no new one.
    }
  }
}
