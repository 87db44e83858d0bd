// The access log: a line for each request, appended to a file that other workers and containers append to as well.

import type { Observe } from '@tsgi/adapter-node';
import type { Log } from '@tsgi/core';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { accessFormat } from './access-format.ts';
import { LineFile } from './line-file.ts';

/** Milliseconds that a line waits at most for others to go with it, and that a disk which takes none is left alone. */
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
  /** Writes what waits, now. It also happens by itself when the process ends, unless it is killed. */
  flush(): void;
}

/** Opens the access log that `settings` ask for; null where they ask for none. Throws a {@link SettingError}. */
export function openAccessLog(settings: Settings, worker: number, log: Log): AccessLog | null {
  const { accessLogfile, accessLogFormat } = settings;
  if (accessLogfile === null || accessLogfile === 'off') return null;
  const format = accessFormat(accessLogFormat);
  const lines = new BatchedLines(open(accessLogfile), accessLogfile, log);
  process.once('exit', () => lines.flush());
  let count = 0;
  return {
    observe(request, ended) {
      count++;
      lines.add(`${format({ request, ended, worker, count, at: new Date() })}\n`);
    },
    get dropped() {
      return lines.dropped;
    },
    reopen: () => lines.reopen(),
    flush: () => lines.flush(),
  };
}

function open(path: string): LineFile {
  try {
    return new LineFile(path);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SettingError(
      `the access log ${path} cannot be opened: ${message}`,
      'make its folder, and let the workers write there',
      { cause },
    );
  }
}

/** Lines on their way to a file, several of them with each write. */
class BatchedLines {
  dropped = 0;
  readonly #file: LineFile;
  readonly #path: string;
  readonly #log: Log;
  /** What a write left over. It goes first. */
  #rest: Buffer = Buffer.alloc(0);
  #waiting: string[] = [];
  #bytes = 0;
  #writing = false;
  #timer: NodeJS.Timeout | null = null;
  #failing = false;

  constructor(file: LineFile, path: string, log: Log) {
    this.#file = file;
    this.#path = path;
    this.#log = log;
  }

  add(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > KEPT) {
      this.dropped++;
      this.#fail(new Error('it takes lines more slowly than they come'));
      return;
    }
    this.#waiting.push(line);
    this.#bytes += bytes;
    // A file that fails is tried again by the timer alone.
    if (this.#bytes >= FULL && !this.#failing) this.#write();
    else this.#later();
  }

  reopen(): void {
    try {
      this.#file.reopen();
    } catch (error) {
      this.#log.warn({ err: error, file: this.#path }, 'the access log cannot be opened again; the old file goes on');
    }
  }

  flush(): void {
    try {
      // What is being written at this moment is on its way: the process does not end before its thread pool is done.
      while (this.#rest.length > 0 || this.#waiting.length > 0) this.#rest = this.#file.appendSync(this.#next());
    } catch {
      // The disk takes nothing, and there is no later.
    }
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#write();
    }, BATCH).unref();
  }

  #write(): void {
    if (this.#writing) return;
    const lines = this.#next();
    if (lines.length === 0) return;
    this.#writing = true;
    this.#file.append(lines, (rest, error) => {
      this.#writing = false;
      this.#rest = rest;
      if (error !== null) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#fail(error);
        this.#later();
        return;
      }
      this.#recover();
      if (rest.length > 0 || this.#bytes >= FULL) this.#write();
      else if (this.#bytes > 0) this.#later();
    });
  }

  /** As many whole lines as go with one write. */
  #next(): Buffer {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = Buffer.alloc(0);
      return rest;
    }
    let bytes = 0;
    let count = 0;
    for (const line of this.#waiting) {
      const more = Buffer.byteLength(line);
      if (count > 0 && bytes + more > this.#file.most) break;
      bytes += more;
      count++;
    }
    const lines = this.#waiting.splice(0, count).join('');
    this.#bytes -= bytes;
    return Buffer.from(lines);
  }

  // A disk that is full ends the log, not the service: one warning, and another when it is over.

  #fail(error: Error): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log.warn(
      { err: error, file: this.#path },
      `the access log cannot be written; ${KEPT / 1024 ** 2} MiB of lines are kept, and more are lost`,
    );
  }

  #recover(): void {
    // A reader that is merely slow is not worth a warning for each line that it takes.
    if (!this.#failing || this.#bytes > KEPT / 2) return;
    this.#failing = false;
    const { dropped } = this;
    this.#log.warn({ dropped, file: this.#path }, `the access log is written again; ${dropped} lines were lost so far`);
  }
}
