// A lock on a folder, held for the few system calls between looking at a path and changing it. It is an abstract
// socket: the kernel lets one process bind its name and frees it when that process dies, so no lock is ever left behind.
//
// It is a courtesy between servers of this package, in one network namespace, on Linux. Elsewhere there is no lock, and
// what socket-file.ts says about the moment between looking and changing holds.

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bindPath } from './bound-socket.ts';

/** Gives the lock back. */
export type Unlock = () => void;

// The lock is held for less than a millisecond. Who holds it for a second is stopped or means harm (any local user can
// bind an abstract name), and must not keep a server from starting.
const ATTEMPTS = 200;
const PAUSE = 5;

/** Waits for the lock on the folder of `path`, about a second at most; then goes on without it. */
export async function lockFolder(path: string): Promise<Unlock> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const unlock = tryLockFolder(path);
    if (unlock !== undefined) return unlock;
    await setTimeout(PAUSE);
  }
  return () => {};
}

/** Takes the lock on the folder of `path` if nobody holds it; undefined if somebody does. */
export function tryLockFolder(path: string): Unlock | undefined {
  try {
    // By device and inode: two paths may lead to one folder, through links and bind mounts.
    const { dev, ino } = statSync(dirname(path), { bigint: true });
    const bound = bindPath(`\0tsgi.lock.${dev}.${ino}`);
    return () => bound.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    return () => {};
  }
}
