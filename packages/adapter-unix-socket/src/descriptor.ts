// Whether an inherited descriptor can be served: told before anything is done with it.

import { fstatSync, type Stats } from 'node:fs';
import { TsgiError } from '@tsgi/core';

/** Throws `TSGI_ERR_DESCRIPTOR` unless `fd` is 3 or more, open, and a socket. */
export function checkDescriptor(fd: number): void {
  if (fd < 3) throw wrong(fd, 'is standard input, output or error', 'hand the socket over as 3 or more');
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    const todo = 'let the parent process pass a listening socket there: stdio of spawn, or a socket unit of systemd';
    throw wrong(fd, 'is not open', todo, error);
  }
  if (!stats.isSocket())
    throw wrong(fd, `is ${describe(stats)}, not a socket`, 'give the number of a listening socket');
}

function wrong(fd: number, problem: string, todo: string, cause?: unknown): TsgiError {
  return new TsgiError('TSGI_ERR_DESCRIPTOR', { fd, problem, todo }, { cause });
}

function describe(stats: Stats): string {
  if (stats.isFile()) return 'a regular file';
  if (stats.isDirectory()) return 'a folder';
  return stats.isFIFO() ? 'a pipe' : 'a device';
}
