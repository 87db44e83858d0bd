// A file, or the standard output, that several processes and containers append whole lines to.

import { close, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Bytes of one write to a file. Linux appends each of them in one piece, whoever else writes (O_APPEND, write(2)). */
const FILE = 65_536;
/** Bytes of one write to a pipe that no other writer's get between: PIPE_BUF, pipe(7). */
const PIPE = 4096;
const NEWLINE = 0x0a;

/** An open file of lines. Its constructor throws where the file cannot be opened. */
export class LineFile {
  /** Bytes of one write at most. */
  readonly most: number;
  readonly #path: string | null;
  #fd: number;
  #writing: number | null = null;

  /** Opens `path` for append; `-` is the standard output. */
  constructor(path: string) {
    this.#path = path === '-' ? null : path;
    this.#fd = this.#path === null ? 1 : openSync(this.#path, 'a');
    this.most = fstatSync(this.#fd).isFile() ? FILE : PIPE;
  }

  /**
   * Opens the path again, after the file was renamed. A write that is under way still goes to the old one. Where that
   * fails, it throws, and the old file stays.
   */
  reopen(): void {
    if (this.#path === null) return;
    const old = this.#fd;
    this.#fd = openSync(this.#path, 'a');
    if (this.#writing !== old) close(old, () => {});
  }

  /** Appends `lines`; `done` gets what is left of them, with the error where there was one. One call at a time. */
  append(lines: Buffer, done: (rest: Buffer, error: Error | null) => void): void {
    const fd = this.#fd;
    this.#writing = fd;
    write(fd, lines, (error, written) => {
      this.#writing = null;
      if (fd !== this.#fd) close(fd, () => {});
      done(error === null ? afterShortWrite(lines, written) : afterError(lines, error), error);
    });
  }

  /**
   * Appends `lines` now; gives what is left of them. Throws where nothing could be written, which only a non-blocking pipe
   * or socket that is full is given `patience` ms for: its reader may be as busy as its writer.
   */
  appendSync(lines: Buffer, patience: number): Buffer {
    for (const end = performance.now() + patience; ; ) {
      try {
        return afterShortWrite(lines, writeSync(this.#fd, lines));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > end) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }
}

/**
 * What is still to be written when only so many bytes were, as on a disk that has become full. A line that was cut is
 * written again, after the end of its first part: by then another process may have written behind that.
 */
function afterShortWrite(lines: Buffer, written: number): Buffer {
  if (written === lines.length) return lines.subarray(written);
  const end = written === 0 ? 0 : lines.lastIndexOf(NEWLINE, written - 1) + 1;
  return end === written ? lines.subarray(end) : Buffer.concat([Buffer.of(NEWLINE), lines.subarray(end)]);
}

/** On a disk that was full, others may have left a part of a line: what is written first begins a line of its own. */
function afterError(lines: Buffer, { code }: NodeJS.ErrnoException): Buffer {
  return code === 'EAGAIN' || lines[0] === NEWLINE ? lines : Buffer.concat([Buffer.of(NEWLINE), lines]);
}
