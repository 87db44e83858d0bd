// The files of public/, and the version that their path has: it changes with their content.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

export const FOLDER = join(import.meta.dirname, '../../src/public'); // Not compiled: the same from dist/.

export interface StaticFiles {
  readonly version: string;
  /** By their names, relative to the folder. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export async function readStaticFiles(): Promise<StaticFiles> {
  const hash = createHash('sha256');
  const files = new Map<string, Buffer>();
  const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) {
    const name = relative(FOLDER, path);
    const bytes = await readFile(path);
    hash.update(name).update(bytes);
    files.set(name, bytes);
  }
  return { version: hash.digest('hex').slice(0, 12), files };
}
