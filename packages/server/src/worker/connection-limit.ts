// How many connections a worker may have: no more than the system gives it descriptors for. Without one, libuv takes a
// connection and closes it without a word (seen on Linux); with a limit below that, its client gets 503 and the log a line.

import { readdirSync, readFileSync } from 'node:fs';
import type { Log } from '@tsgi/core';

/** `wanted`, or as many as there are descriptors for, less a sixteenth for files and connections to other servers. */
export function connectionLimit(wanted: number, log: Log): number {
  const files = openFileLimit();
  if (files === undefined) return wanted;
  const room = Math.max(1, files - readdirSync('/proc/self/fd').length - Math.ceil(files / 16));
  if (room >= wanted) return wanted;
  log.warn({ limit: room, files }, `${files} open files allow ${room} connections, not ${wanted}: raise LimitNOFILE`);
  return room;
}

/** The limit on open files (getrlimit(2)); undefined where there is none, or no proc(5) to ask. */
function openFileLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
