// The log that the suite gives to an adapter. What no case has asked for, and is at level error, is a failure.

import type { Log } from '@tsgi/core';

/** One entry. */
export interface Entry {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Keeps what was logged. */
export class LogBook implements Log {
  readonly entries: Entry[] = [];
  readonly #waiting = new Set<() => void>();

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }

  /** Takes the entries of `level` out: what is taken was expected. */
  take(level: Entry['level']): Entry[] {
    const taken = this.entries.filter((entry) => entry.level === level);
    for (const entry of taken) this.entries.splice(this.entries.indexOf(entry), 1);
    return taken;
  }

  /** Takes the next entry of `level`, waiting for it where it is not there yet. */
  async next(level: Entry['level']): Promise<Entry> {
    for (;;) {
      const found = this.entries.find((entry) => entry.level === level);
      if (found !== undefined) {
        this.entries.splice(this.entries.indexOf(found), 1);
        return found;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #add(level: Entry['level'], fields: object, message: string): void {
    this.entries.push({ level, fields: fields as Record<string, unknown>, message });
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
