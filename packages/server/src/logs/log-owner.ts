// Log files belong to those who write them: made by an arbiter that is root, they are handed to the user of its workers.

import { closeSync, constants, fchownSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';

/** Makes the log files that are missing, owned by `owner`. Throws a {@link SettingError}. */
export function makeLogFiles(
  { logFile, accessLogfile }: Pick<Settings, 'logFile' | 'accessLogfile'>,
  owner: { readonly uid: number; readonly gid: number } | null,
): void {
  if (owner === null) return;
  for (const path of [logFile, accessLogfile]) {
    if (path === null || path === '-') continue;
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | linksOf(path));
      const { size, nlink } = fstatSync(fd);
      // One that somebody has set up otherwise stays as it is.
      if (size === 0 && nlink === 1) fchownSync(fd, owner.uid, owner.gid);
      closeSync(fd);
    } catch (cause) {
      const { message } = cause as Error;
      throw new SettingError(`the log file ${path} cannot be made: ${message}`, 'make its folder, or name another', {
        cause,
      });
    }
  }
}

/**
 * The flag of open(2) for links at `path`: in a folder that the workers' user may write to, one could lead root to any
 * file of the system. Only one of our own is followed.
 */
function linksOf(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSymbolicLink() && found.uid === process.geteuid?.() ? 0 : constants.O_NOFOLLOW;
}
