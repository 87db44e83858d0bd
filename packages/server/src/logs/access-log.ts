// The access log: a line for each request, appended to a file that other workers and containers append to as well.

import { setTimeout as delay } from 'node:timers/promises';
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

/** Milliseconds that the last lines wait for a pipe that is full. */
const PATIENCE = 1000;

/** An open access log. */
export interface AccessLog {
  readonly observe: Observe;
  /** Lines that were lost because the disk took none. */
  readonly dropped: number;
  reopen(): void;
  /** Writes what waits. Resolves when it is written, or when nobody takes it for a second. */
  flush(): Promise<void>;
  /** Writes what waits, now: for the exit of the process, when nothing can be waited for. */
  flushSync(): void;
}

/** Opens the access log that `settings` ask for; null where they ask for none. Throws a {@link SettingError}. */
export function openAccessLog(settings: Settings, worker: number, log: Log): AccessLog | null {
  const { accessLogfile, accessLogFormat } = settings;
  if (accessLogfile === null) return null;
  const format = accessFormat(accessLogFormat);
  const lines = new BatchedLines(open(accessLogfile), accessLogfile, log);
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
    flushSync: () => lines.flushSync(),
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
  #writing: Promise<void> | null = null;
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

  async flush(): Promise<void> {
    const late = delay(PATIENCE, 'late', { ref: false });
    while (this.#writing !== null) if ((await Promise.race([this.#writing, late])) === 'late') break;
    this.flushSync();
  }

  flushSync(): void {
    try {
      while (this.#rest.length > 0 || this.#waiting.length > 0) {
        this.#rest = this.#file.appendSync(this.#next(), PATIENCE);
      }
    } catch {
      // Nobody takes them, and there is no later.
    }
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#write();
    }, BATCH).unref();
  }

  #write(): void {
    if (this.#writing !== null) return;
    const lines = this.#next();
    if (lines.length === 0) return;
    const written = Promise.withResolvers<void>();
    this.#writing = written.promise;
    this.#file.append(lines, (rest, error) => {
      this.#writing = null;
      this.#rest = rest;
      written.resolve();
      this.#goOn(error);
    });
  }

  #goOn(error: NodeJS.ErrnoException | null): void {
    if (error !== null) {
      // A pipe that is full is no failure.
      if (error.code !== 'EAGAIN') this.#fail(error);
      this.#later();
      return;
    }
    this.#recover();
    if (this.#rest.length > 0 || this.#bytes >= FULL) this.#write();
    else if (this.#bytes > 0) this.#later();
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
