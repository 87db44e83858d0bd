// A socket's file from its making to its removal: bound under a temporary name, where mode and owner are set; put at its
// path when the socket listens, so that nobody ever sees it with another mode or without a listener; removed only while
// it is still the one at the path.

import { randomBytes } from 'node:crypto';
import { chmodSync, lchownSync, linkSync, renameSync, unlinkSync } from 'node:fs';
import type { BoundSocket } from 'node:net';
import { basename, dirname } from 'node:path';
import { TsgiError } from '@tsgi/core';
import { bindPath } from './bound-socket.ts';
import { checkFolder, folderError } from './folder.ts';
import { lockFolder, tryLockFolder } from './lock.ts';
import { type FileId, identify, isSame, lookUp, type Occupant } from './occupant.ts';

/** Who owns a socket's file. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

// unix(7): 108 bytes with the closing NUL.
const SOCKET_PATH_LIMIT = 107;

// A path changes under our eyes only while other servers start at it. After so many rounds somebody is told.
const ROUNDS = 20;

/** One socket's file. */
export class SocketFile {
  readonly path: string;
  /** Whoever listens adopts it; until then, `discard` closes it. */
  readonly bound: BoundSocket;
  readonly #id: FileId;
  #temporary: string | null;

  /**
   * Binds under a temporary name in the folder of `path`, and sets mode and owner there. Nobody can connect yet.
   * Throws `TSGI_ERR_SOCKET_FOLDER` or `TSGI_ERR_SOCKET_OWNER`, with nothing left behind.
   */
  constructor(path: string, mode: number, owner: Owner | undefined) {
    this.path = path;
    const [temporary, bound] = bindTemporary(path);
    this.#temporary = temporary;
    this.bound = bound;
    try {
      // The owner first: with the mode first, its bits would for a moment speak of another group.
      if (owner !== undefined) changeOwner(temporary, path, owner);
      chmodSync(temporary, mode);
      this.#id = identify(temporary) as FileId;
    } catch (error) {
      this.discard();
      throw error instanceof TsgiError ? error : folderError(path, error);
    }
  }

  /**
   * Puts the file at its path; the socket must listen by now. Throws `TSGI_ERR_SOCKET_OCCUPIED` when the path is taken,
   * and leaves what is there as it is.
   *
   * Where nothing is at the path, link(2) decides between any number of programs. Where something is, it is replaced by
   * rename(2), which asks no questions: a program without our lock (a stranger, or a server in another network
   * namespace) that puts something there within the few microseconds between the last look and the rename loses it.
   * And a program that binds at a path first and listens later looks stale in between.
   */
  async publish(takeOver: boolean): Promise<void> {
    const unlock = await lockFolder(this.path);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const occupant = await lookUp(this.path);
        refuseOccupant(this.path, occupant, takeOver);
        if (this.#put(occupant)) return;
      }
      throw occupied(this.path, 'programs that start there in turns', 'start one of them only');
    } finally {
      unlock();
    }
  }

  /** Removes the file if it is still the one at the path, and closes the socket if nobody adopted it. */
  async remove(): Promise<void> {
    const unlock = await lockFolder(this.path);
    try {
      this.#removeOwn();
    } finally {
      unlock();
    }
  }

  /** As {@link remove}, at the exit of the process: leaves the file where somebody is just about to replace it. */
  removeAtExit(): void {
    if (this.#temporary !== null) unlinkIfThere(this.#temporary);
    const unlock = tryLockFolder(this.path);
    if (unlock === undefined) return;
    this.#removeOwn();
    unlock();
  }

  /** Gives up a file that was not published. */
  discard(): void {
    if (this.#temporary !== null) unlinkIfThere(this.#temporary);
    this.#temporary = null;
    this.bound[Symbol.dispose]();
  }

  /** False when the path is not as it was looked at any more. */
  #put(occupant: Occupant): boolean {
    const temporary = this.#temporary as string;
    if (occupant.kind === 'nothing') {
      const linked = link(temporary, this.path);
      if (linked === 'exists') return false;
      if (linked === 'linked') unlinkIfThere(temporary);
      else this.#rename(temporary);
    } else {
      if (occupant.kind === 'foreign' || !isSame(identify(this.path), occupant.id)) return false;
      this.#rename(temporary);
    }
    this.#temporary = null;
    if (!isSame(identify(this.path), this.#id)) {
      throw occupied(this.path, 'a program that started at the same moment', 'start one of them only');
    }
    return true;
  }

  #rename(temporary: string): void {
    try {
      renameSync(temporary, this.path);
    } catch (error) {
      // A folder with the sticky bit, such as /tmp: files there are replaced by their owners alone.
      const todo = `remove it as its owner: rm ${this.path}`;
      throw occupied(this.path, `a socket of another user (${(error as NodeJS.ErrnoException).code})`, todo, error);
    }
  }

  // Called while the socket is open: only so long can no other file have its inode's number.
  #removeOwn(): void {
    if (isSame(identify(this.path), this.#id)) unlinkIfThere(this.path);
  }
}

/** Throws `TSGI_ERR_SOCKET_OCCUPIED` where `path` is not to be had: something else is there, or somebody listens. */
function refuseOccupant(path: string, occupant: Occupant, takeOver: boolean): void {
  if (occupant.kind === 'foreign') {
    throw occupied(path, occupant.what, `choose another path, or move it away: mv ${path} ${path}.old`);
  }
  if (occupant.kind === 'alive' && !takeOver) {
    throw occupied(path, occupant.what, 'stop that program, choose another path, or ask to take it over (takeOver)');
  }
}

/**
 * Whether `path` can be had for a socket, before anything is opened: throws what binding there and publishing would.
 */
export async function checkPath(path: string, takeOver: boolean): Promise<void> {
  checkFolder(path);
  refuseOccupant(path, await lookUp(path), takeOver);
}

function occupied(path: string, what: string, todo: string, cause?: unknown): TsgiError {
  return new TsgiError('TSGI_ERR_SOCKET_OCCUPIED', { path, what, todo }, { cause });
}

function bindTemporary(path: string): [string, BoundSocket] {
  for (let round = 0; ; round++) {
    const temporary = temporaryPath(path);
    try {
      if (basename(temporary) !== basename(path)) return [temporary, bindPath(temporary)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || round >= ROUNDS) throw folderError(path, error);
    }
  }
}

/** A name that no other has: `.app.sock.3f9a1c`. Where the path is near the limit, what fits; never longer than the path. */
function temporaryPath(path: string): string {
  const name = basename(path);
  const random = randomBytes(3).toString('hex');
  const room = SOCKET_PATH_LIMIT - Buffer.byteLength(`${dirname(path)}/`);
  const fits = [`.${name}.${random}`, `.${random}`, random.slice(0, Buffer.byteLength(name))];
  return `${dirname(path)}/${fits.find((candidate) => Buffer.byteLength(candidate) <= room)}`;
}

function changeOwner(temporary: string, path: string, { uid, gid }: Owner): void {
  try {
    lchownSync(temporary, uid, gid);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TsgiError('TSGI_ERR_SOCKET_OWNER', { path, uid, gid, reason }, { cause: error });
  }
}

function link(from: string, to: string): 'linked' | 'exists' | 'unable' {
  try {
    linkSync(from, to);
    return 'linked';
  } catch (error) {
    // File systems without hard links (FAT, some network and FUSE ones), and kernels that link only what one owns.
    return (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'exists' : 'unable';
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
