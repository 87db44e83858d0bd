// A socket that is bound to a path and does not listen yet: the gap in which its mode and owner are set.

import { BoundSocket } from 'node:net';

/**
 * Binds a stream socket to `path`, or to an abstract name (a leading NUL, Linux only). Throws the system's error:
 * EADDRINUSE where something is there already; EACCES also for a folder that is missing, which is how libuv reports it.
 */
export function bindPath(path: string): BoundSocket {
  // `path` has been there since Node 24.21 and 26.4; the types know only what a TCP socket takes.
  const options: { path: string; host?: string } = { path };
  return new BoundSocket(options);
}
