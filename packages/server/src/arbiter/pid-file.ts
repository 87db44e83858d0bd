// The pid file: tells scripts where the arbiter is, and keeps a second one from starting in its place.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SettingError } from '../settings/setting-error.ts';
import type { StartService } from './service.ts';

/** Writes the file that the setting `pidfile` names. Throws a {@link SettingError} where a running process has it. */
export const holdPidFile: StartService = async (_arbiter, { settings }) => {
  if (settings.pidfile === null) return null;
  const path = resolve(settings.pidfile);
  const own = `${process.pid}\n`;
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, own, { flag: 'wx', mode: 0o644 });
    claim(temporary, path);
  } catch (error) {
    if (error instanceof SettingError) throw error;
    const { message } = error as Error;
    throw new SettingError(
      `the pid file ${path} cannot be written: ${message}`,
      'choose a folder that exists and is writable',
    );
  } finally {
    rmSync(temporary, { force: true });
  }
  return {
    close() {
      if (read(path) === own) rmSync(path);
    },
  };
};

/** The process that runs and is named in the pid file at `path`; null where there is none. */
export function holderOf(path: string): number | null {
  const holder = Number.parseInt(read(path) ?? '', 10);
  return isRunning(holder) ? holder : null;
}

/** Puts `temporary` at `path`, unless a process that runs is named there. link(2) fails where a file is: one of two starts wins. */
function claim(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = holderOf(path);
    if (holder !== null) {
      throw new SettingError(
        `the pid file ${path} is held by process ${holder}, which runs`,
        'stop that one, or give this one a pid file of its own',
      );
    }
    renameSync(temporary, path);
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process runs as well.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
