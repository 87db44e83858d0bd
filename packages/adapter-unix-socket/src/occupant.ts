// What is at a socket's path: nothing, a socket that nobody answers, one where someone does, or something else.

import { type BigIntStats, lstatSync } from 'node:fs';
import { connect } from 'node:net';

/** A file's identity. An inode's number is not given again while a socket that is bound to it is open. */
export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** What {@link lookUp} found. `what` is for a message: "a regular file". */
export type Occupant =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'stale'; readonly id: FileId }
  | { readonly kind: 'alive'; readonly id: FileId; readonly what: string }
  | { readonly kind: 'foreign'; readonly what: string };

/**
 * Looks at `path` and, where a socket is there, knocks. Only ECONNREFUSED says that nobody listens. Every other answer
 * counts as somebody: EAGAIN is a full backlog, EACCES a socket that is not for us, EPROTOTYPE one that takes datagrams.
 */
export async function lookUp(path: string): Promise<Occupant> {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return { kind: 'nothing' };
  // A symbolic link is foreign even where it leads to a socket: a rename would replace the link, and whoever made it
  // meant another path.
  if (!stats.isSocket()) return { kind: 'foreign', what: describe(stats) };
  const id = { dev: stats.dev, ino: stats.ino };
  const answer = await knock(path);
  if (answer === 'ENOENT') return { kind: 'nothing' };
  if (answer === 'ECONNREFUSED') return { kind: 'stale', id };
  return { kind: 'alive', id, what: answer === 'connected' ? 'a program that listens there' : `a socket (${answer})` };
}

/** The identity of what is at `path` now, a link itself and not its target; undefined where nothing is. */
export function identify(path: string): FileId | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Whether both are one and the same file. */
export function isSame(one: FileId | undefined, other: FileId): boolean {
  return one?.dev === other.dev && one.ino === other.ino;
}

/** Connects and leaves at once: `connected`, or the code of the error. A Unix socket answers without waiting. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      resolve('connected');
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function describe(stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFile()) return 'a regular file';
  return stats.isFIFO() ? 'a named pipe' : 'a device';
}
