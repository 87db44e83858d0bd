// Tells whether a file is the one that was seen before, without reading it.

import { statSync } from 'node:fs';

/** What changes with the content of the file at `path`, and when another takes its place; `''` where there is none. */
export function stampOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? '' : `${found.mtimeNs} ${found.size} ${found.ino}`;
}
