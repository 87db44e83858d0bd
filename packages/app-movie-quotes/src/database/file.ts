// Looks at the database's file before SQLite does: what is wrong is told in words, and a file that is not ours to
// open is never written to.

import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SqliteConfig } from '../config/config.ts';
import { StartError } from '../errors.ts';

/** Bytes of the smallest database that is not empty: one page (sqlite.org/fileformat.html section 1.3.2). */
const SHORTEST = 512;

/**
 * Makes sure that `file` can be opened as a database: its folder is there and can be written, and the file is missing,
 * empty, or an SQLite database that can be read and written. Throws `MQ_ERR_DATABASE_FOLDER`, `_ACCESS`, `_FORMAT`.
 */
export async function checkFile({ file, createFolder }: SqliteConfig): Promise<void> {
  const folder = dirname(file);
  if (createFolder) await mkdir(folder, { recursive: true }).catch(() => {}); // What failed is told by the check below.
  await checkFolder(file, folder);
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw inaccessible(file, error);
  });
  if (found !== undefined) {
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'not a regular file';
      throw new StartError('MQ_ERR_DATABASE_FORMAT', { file, problem: `is ${what}` });
    }
    await access(file, constants.R_OK | constants.W_OK).catch((error) => {
      throw inaccessible(file, error);
    });
    // It is not read: closing it would let go of the locks that other connections of this process have, and another process
    // would take the log from under them (sqlite.org/howtocorrupt.html section 2.2). SQLite itself refuses what is no
    // database, but takes what is shorter than the shortest page for an empty one.
    if (found.size > 0 && found.size < SHORTEST) throw notADatabase(file);
  }
  // SQLite keeps its log and its shared memory beside the file (-wal, -shm), so the folder is written even when the
  // file is there.
  await access(folder, constants.W_OK | constants.X_OK).catch((error) => {
    throw new StartError(
      'MQ_ERR_DATABASE_FOLDER',
      { file, problem: `cannot be written (${error.code})`, todo: `let the user of this process write to ${folder}` },
      { cause: error },
    );
  });
}

/** What a file that SQLite cannot read is answered with. */
export function notADatabase(file: string, cause?: unknown): StartError {
  return new StartError('MQ_ERR_DATABASE_FORMAT', { file, problem: 'is not an SQLite database' }, { cause });
}

async function checkFolder(file: string, folder: string): Promise<void> {
  const wrong = (problem: string, cause?: unknown) =>
    new StartError('MQ_ERR_DATABASE_FOLDER', { file, problem, todo: `make it with mkdir -p ${folder}` }, { cause });
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    throw wrong(error.code === 'ENOENT' ? 'does not exist' : `cannot be reached (${error.code})`, error);
  });
  if (!found.isDirectory()) throw wrong('is not a folder');
}

function inaccessible(file: string, cause: NodeJS.ErrnoException): StartError {
  return new StartError('MQ_ERR_DATABASE_ACCESS', { file, reason: cause.code ?? cause.message }, { cause });
}
