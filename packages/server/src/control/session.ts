// One connection to the control socket. Whatever comes over it, or does not, it holds little memory, and the arbiter
// never waits for it.

import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LineTooLong, linesOf } from './lines.ts';
import {
  CONTROL_VERSION,
  ControlError,
  type ControlId,
  type ControlReply,
  type ControlRequest,
  LONGEST_LINE,
  type Progress,
} from './protocol.ts';
import { readRequest } from './read-request.ts';

/** How many commands of one connection may be under way; the next line is read when one has ended. */
const MOST_PENDING = 4;

/** Bytes that a client may leave unread before it is cut off. */
const MOST_UNREAD = 1024 * 1024;

/** Milliseconds without a word, while no command is under way. */
const IDLE = 60_000;

/** Milliseconds that a client has to take its last line. */
const PARTING = 1000;

/** Runs a command and resolves to its result. */
export type RunCommand = (request: ControlRequest, tell: (progress: Progress) => void) => Promise<unknown>;

/** Answers one client until it leaves. Never rejects. */
export class Session {
  readonly #socket: Socket;
  readonly #run: RunCommand;
  readonly #pending = new Set<Promise<void>>();
  #refused = false;

  constructor(socket: Socket, run: RunCommand) {
    this.#socket = socket;
    this.#run = run;
  }

  async serve(): Promise<void> {
    const socket = this.#socket;
    // A client that is gone is no error of ours.
    socket.on('error', () => {});
    const closed = untilClosed(socket);
    socket.setTimeout(IDLE, () => {
      if (this.#pending.size > 0) return;
      // Nor does it read what it was sent.
      if (socket.writableLength > 0) socket.destroy();
      else this.#refuse(null, new ControlError('idle', `nothing came for ${IDLE / 1000} s`));
    });
    try {
      for await (const line of linesOf(socket.iterator({ destroyOnReturn: false }), LONGEST_LINE)) {
        this.#take(line);
        if (this.#refused) return;
        while (this.#pending.size >= MOST_PENDING) await Promise.race(this.#pending);
        if (socket.writableNeedDrain) await untilDrained(socket);
        // However much one client sends, the workers have their turn.
        await nextTurn();
      }
      // Half-closed, as by `nc -N`: what is under way is still answered.
      await Promise.race([Promise.all(this.#pending), closed]);
    } catch (error) {
      if (error instanceof LineTooLong) {
        this.#refuse(null, new ControlError('too_long', `a line has ${LONGEST_LINE} bytes at most`));
      }
    } finally {
      await part(socket);
    }
  }

  /** The process may end, and the connection with it. */
  release(): void {
    this.#socket.unref();
  }

  #take(line: string): void {
    if (this.#refused) return;
    const reading = readRequest(line);
    if ('error' in reading) {
      if (reading.fatal) this.#refuse(reading.id, reading.error);
      else this.#fail(reading.id, reading.error);
      return;
    }
    const { request } = reading;
    const done = this.#answer(request).finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  async #answer(request: ControlRequest): Promise<void> {
    const { id } = request;
    try {
      const result = await this.#run(request, (progress) => this.#send({ v: CONTROL_VERSION, id, progress }));
      this.#send({ v: CONTROL_VERSION, id, ok: true, result });
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #fail(id: ControlId | null, error: unknown): void {
    const { message } = error as Error;
    const code = error instanceof ControlError ? error.code : 'internal';
    this.#send({ v: CONTROL_VERSION, id, ok: false, error: { code, message } });
  }

  /** The last line of a connection. */
  #refuse(id: ControlId | null, error: ControlError): void {
    this.#refused = true;
    this.#fail(id, error);
    void part(this.#socket);
  }

  #send(reply: ControlReply): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (socket.writableLength > MOST_UNREAD) socket.destroy();
    else socket.write(`${JSON.stringify(reply)}\n`);
  }
}

/**
 * Ends a connection so that its last line arrives: a socket that is closed with bytes unread is reset, so they are read
 * and dropped, for a moment. Resolves when it is closed.
 */
export function part(socket: Socket): Promise<void> {
  socket.end();
  socket.resume();
  const late = setTimeout(() => socket.destroy(), PARTING).unref();
  return untilClosed(socket).finally(() => clearTimeout(late));
}

function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

function untilDrained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.removeListener('drain', done);
      socket.removeListener('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
