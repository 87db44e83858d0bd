// Whether a folder can take a socket, told before anything is bound, with what to do where it cannot.

import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TsgiError } from '@tsgi/core';

/** Throws `TSGI_ERR_SOCKET_FOLDER` unless the folder of `path` is there and this process may make files in it. */
export function checkFolder(path: string): void {
  const folder = dirname(path);
  let isFolder: boolean;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw folderError(path, error);
    const todo = `let this user enter every folder on the way: namei -l ${folder}`;
    throw wrong(path, `cannot be reached by user ${process.geteuid?.()}`, todo, error);
  }
  if (!isFolder) throw wrong(path, 'is not a folder', 'choose a path in a folder, such as /run/app/app.sock');
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw folderError(path, error);
  }
}

/** What the system's error means for whoever chose the path. */
export function folderError(path: string, cause: unknown): TsgiError {
  const folder = dirname(path);
  const user = process.geteuid?.() ?? 'this';
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  switch (code) {
    case 'ENOENT':
      return wrong(path, 'does not exist', `create it for the user that serves: install -d -o USER ${folder}`, cause);
    case 'ENOTDIR':
      return wrong(path, 'is not a folder', 'choose a path in a folder, such as /run/app/app.sock', cause);
    case 'EACCES':
      return wrong(
        path,
        `is not writable for user ${user}`,
        `let this user write there: chown ${user} ${folder}`,
        cause,
      );
    case 'EROFS':
      return wrong(path, 'is on a file system that is read-only', 'choose a path in /run or /tmp', cause);
    default:
      return wrong(path, `cannot hold a socket (${code})`, 'choose a path in /run or /tmp', cause);
  }
}

function wrong(path: string, problem: string, todo: string, cause?: unknown): TsgiError {
  return new TsgiError('TSGI_ERR_SOCKET_FOLDER', { path, problem, todo }, { cause });
}
