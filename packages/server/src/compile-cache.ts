// Where Node keeps compiled code from one start to the next. Its default is a folder in /tmp that the first user of the
// machine owns: whoever that is could put other code there, which is run without a look at the source.

import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Caches compiled code where NODE_COMPILE_CACHE says, or in a folder of our user alone; nowhere, where there is none. */
export function cacheCompiledCode(): void {
  if (process.env.NODE_COMPILE_CACHE) {
    enableCompileCache();
    return;
  }
  const user = process.geteuid?.() ?? 0;
  const folder = join(tmpdir(), `tsgi-cache-${user}`);
  try {
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
    const stats = lstatSync(folder);
    if (stats.isDirectory() && stats.uid === user && (stats.mode & 0o022) === 0) enableCompileCache(folder);
  } catch {
    // A start takes a little longer then.
  }
}
