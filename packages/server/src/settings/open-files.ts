// How many files a worker may have to open, for the limits of those who start it.

import type { Settings } from './table.ts';

/** Each connection is one, and libraries, logs and connections to databases are some more. */
export function openFiles({ limitConnections }: Pick<Settings, 'limitConnections'>): number {
  return limitConnections + 1024;
}
