// Messages to the service manager, as sd_notify(3) has them. They go through the program systemd-notify: Node has no Unix
// datagram sockets. It waits until the message was read, so that the manager still finds the process that sent it.

import { spawn } from 'node:child_process';
import type { Log } from '@tsgi/core';

/** One message: fields such as `READY: '1'`, in the order in which they are written. */
export type Message = Readonly<Record<string, string>>;

/** Messages that wait at most; the oldest goes for a newer one. The last one always says how things are. */
const WAITING = 4;
/** Milliseconds that one message may take. systemd-notify itself gives up after five seconds. */
const PATIENCE = 7000;

/** Sends messages one after the other, in order. */
export class NotifySocket {
  readonly #log: Log;
  readonly #waiting: Message[] = [];
  #sending: Promise<void> | null = null;
  #warned = false;
  #missing = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Sends a message that changes the state of the service, after those that wait. */
  send(message: Message): void {
    if (this.#missing) return;
    if (this.#waiting.length === WAITING) this.#waiting.shift();
    this.#waiting.push(message);
    this.#sending ??= this.#sendAll();
  }

  /** Sends what goes with any other message: a new STATUS overwrites one that still waits. */
  tell(message: Message): void {
    const last = this.#waiting.pop();
    this.send({ ...last, ...message });
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      // spawn() throws where there is no memory for a process.
      await this.#sendOne(message).catch(({ message: why }: Error) => this.#warn(`systemd is told nothing: ${why}`));
    }
    this.#sending = null;
  }

  #sendOne(message: Message): Promise<void> {
    // A line break would begin a field of its own.
    const fields = Object.entries(message).map(([name, value]) => `${name}=${value.replace(/[\p{Cc}]+/gu, ' ')}`);
    return new Promise((resolve) => {
      const child = spawn('systemd-notify', fields, { stdio: ['ignore', 'ignore', 'pipe'], timeout: PATIENCE });
      let said = '';
      child.stderr.on('data', (chunk) => {
        said += chunk;
      });
      child.on('error', (error: NodeJS.ErrnoException) => {
        this.#missing = error.code === 'ENOENT';
        const todo = this.#missing ? 'install the program systemd-notify (Debian: the package systemd)' : error.message;
        this.#warn(`systemd is told nothing: ${todo}`);
        resolve();
      });
      child.on('close', (code, signal) => {
        if (code !== 0 && !this.#missing)
          this.#warn(`systemd-notify failed (${said.trim() || signal || code}); the unit needs NotifyAccess=all`);
        resolve();
      });
    });
  }

  #warn(message: string): void {
    if (!this.#warned) this.#log.warn({ program: 'systemd-notify' }, message);
    this.#warned = true;
  }
}
