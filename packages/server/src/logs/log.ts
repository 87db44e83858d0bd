// The server's log: pino, as JSON, or readable on a terminal.

import { createRequire } from 'node:module';
import type { Log } from '@tsgi/core';
import type { LoggerOptions } from 'pino';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { LineFile } from './line-file.ts';

const require: NodeJS.Require = createRequire(import.meta.url);

/** The log of this process. */
export interface ServerLog extends Log {
  /** Opens its file again, after that was renamed. */
  reopen(): void;
}

/** Makes the log that `settings` ask for; `fields` stand in each of its lines. Throws a {@link SettingError}. */
export function createLog(settings: Settings, fields: object): ServerLog {
  const { logLevel, logFormat, logFile, name } = settings;
  const lines = new LogLines(open(logFile), (lost) =>
    written().warn({ lost, file: logFile }, `${lost} lines of this log could not be written`),
  );
  const readable = logFormat === 'pretty' || (logFormat === 'auto' && logFile === '-' && process.stdout.isTTY);
  let log: Log | undefined;
  // A worker seldom has something to tell, and pino is a megabyte of each: it is loaded for the first line.
  const written = (): Log => {
    try {
      log ??= createPino(readable, { level: logLevel, name, base: { name, ...fields } }, settings.dev, lines);
      return log;
    } catch {
      return plainLog({ name, ...fields }, lines);
    }
  };
  return {
    debug: (more, message) => written().debug(more, message),
    info: (more, message) => written().info(more, message),
    warn: (more, message) => written().warn(more, message),
    error: (more, message) => written().error(more, message),
    reopen: () => lines.reopen(),
  };
}

function createPino(readable: boolean, options: LoggerOptions, dev: boolean, lines: LogLines): Log {
  const pino = require('pino') as typeof import('pino').default;
  const ignore = dev ? 'pid,hostname,name,worker,generation' : 'pid,hostname,name';
  const prettify = readable
    ? (require('pino-pretty') as typeof import('pino-pretty')).prettyFactory({
        ignore,
        translateTime: 'SYS:HH:MM:ss.l',
        singleLine: true,
      })
    : null;
  const write = prettify === null ? (line: string) => line : (line: string) => prettify(JSON.parse(line)) ?? '';
  return pino(options, { write: (line: string) => lines.write(write(line)) }) as Log;
}

/** Out of descriptors (EMFILE), nothing more can be loaded; and just that must be told. */
function plainLog(base: object, lines: LogLines): Log {
  const at = (level: number) => (fields: object, msg: string) => {
    const { err, ...rest } = fields as { readonly err?: Error };
    const said = err === undefined ? {} : { err: { type: err.name, message: err.message, stack: err.stack } };
    lines.write(`${JSON.stringify({ level, time: Date.now(), ...base, ...rest, ...said, msg })}\n`);
  };
  return { debug: () => {}, info: at(30), warn: at(40), error: at(50) };
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
