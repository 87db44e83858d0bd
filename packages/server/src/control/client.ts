// The client's side of the control socket, for the commands of `tsgi`.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { linesOf } from './lines.ts';
import {
  type Arguments,
  CONTROL_VERSION,
  type CommandName,
  ControlError,
  type ControlReply,
  type Progress,
  type Result,
} from './protocol.ts';
import { type ControlPlace, checkFolder } from './where.ts';

/** The longest line of a server that is read, in bytes: a status has some 400 a worker. */
const LONGEST_REPLY = 16 * 1024 * 1024;

/** Milliseconds that a server has for an answer that needs no work. */
const ANSWER = 5000;

/** As long as a timer can be: 24 days. */
const FOREVER = 2 ** 31 - 1;

/** Why there was no answer: nobody listens, somebody does and says nothing, or ended in the midst of it. */
type Silence = 'nobody' | 'silent' | 'gone';

/** No server could be reached, or none that answers. */
export class NoServer extends Error {
  readonly silence: Silence;
  readonly todo: string;

  constructor(silence: Silence, message: string, todo: string) {
    super(message);
    this.silence = silence;
    this.todo = todo;
  }

  /** The exit status of a command. */
  get exit(): number {
    return this.silence === 'nobody' ? 4 : 1;
  }
}

/** What a caller may say with a command. */
export interface RequestOptions {
  /** Called for each step on the way. */
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds that the answer may take; 0 for any time. Default 5 s. */
  readonly timeout?: number;
}

/** A connection to a server. One command at a time. */
export class ControlClient {
  readonly path: string;
  readonly #socket: Socket;
  readonly #replies: AsyncGenerator<string>;
  #id = 0;

  /**
   * Connects to the first of `places` where a server listens. Rejects with {@link NoServer} where there is none, and with
   * a `SettingError` for a folder that is not ours alone.
   */
  static async connect(places: readonly ControlPlace[]): Promise<ControlClient> {
    for (const { path, folder } of places) {
      if (folder !== null) checkFolder(folder);
      const socket = await open(path);
      if (socket !== null) return new ControlClient(path, socket);
    }
    const paths = places.map(({ path }) => path).join(', nor at ');
    throw new NoServer(
      'nobody',
      `no server answers at ${paths}`,
      'start one with tsgi serve, or say where it is by --control-socket, --name or --chdir',
    );
  }

  private constructor(path: string, socket: Socket) {
    this.path = path;
    this.#socket = socket;
    socket.on('error', () => {});
    this.#replies = linesOf(socket.iterator({ destroyOnReturn: false }), LONGEST_REPLY);
  }

  /**
   * Runs a command and resolves to its result. Rejects with the server's {@link ControlError}, or with {@link NoServer}
   * where it gives no answer.
   */
  async request<Name extends CommandName>(
    command: Name,
    args: Arguments<Name>,
    { onProgress, timeout = ANSWER }: RequestOptions = {},
  ): Promise<Result<Name>> {
    const id = ++this.#id;
    const late = AbortSignal.timeout(timeout === 0 ? FOREVER : timeout);
    const giveUp = (): void => void this.#socket.destroy();
    late.addEventListener('abort', giveUp);
    this.#socket.write(`${JSON.stringify({ v: CONTROL_VERSION, id, command, arguments: args })}\n`);
    try {
      for (let line = await this.#next(); line !== null; line = await this.#next()) {
        const reply = JSON.parse(line) as ControlReply;
        // One without an id is about the connection.
        if (reply.id !== id && reply.id !== null) continue;
        if ('progress' in reply) onProgress?.(reply.progress);
        else if (reply.ok) return reply.result as Result<Name>;
        else throw new ControlError(reply.error.code, reply.error.message);
      }
    } finally {
      late.removeEventListener('abort', giveUp);
    }
    if (late.aborted) {
      throw new NoServer(
        'silent',
        `the server at ${this.path} has not answered for ${timeout / 1000} s`,
        'its arbiter is stopped or very busy; look at that process',
      );
    }
    throw new NoServer('gone', `the server at ${this.path} has ended before it answered`, 'its log tells why');
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    while ((await this.#next()) !== null);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The next line; null when the connection is over. */
  async #next(): Promise<string | null> {
    try {
      const { done, value } = await this.#replies.next();
      return done === true ? null : value;
    } catch {
      return null;
    }
  }
}

/** What connect(2) says where no server can be: also at a path that is too long for a socket. */
const NOBODY = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EINVAL', 'ENAMETOOLONG']);

/** Null where nobody listens at `path`. */
async function open(path: string): Promise<Socket | null> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (NOBODY.has(String(code))) return null;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new NoServer(
        'silent',
        `the control socket ${path} is not open to user ${process.geteuid?.()}`,
        'run this as the user who runs the server, or as root',
      );
    }
    throw new NoServer(
      'silent',
      `the control socket ${path} cannot be reached (${code})`,
      'see whether its server runs',
    );
  }
}
