// Puts generated files where they belong: all of them, or none.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SettingError } from '../settings/setting-error.ts';
import type { GeneratedFile } from './deployment.ts';

/**
 * Writes `files` below `folder`, and gives the paths that were written; a file that is already as it should be is left.
 * Throws a {@link SettingError}, with nothing written, where a file with another content is there and `force` is false.
 */
export function writeFiles(folder: string, files: readonly GeneratedFile[], force: boolean): string[] {
  const changed = files
    .map(({ path, content }) => ({ path: resolve(folder, path), content, is: read(resolve(folder, path)) }))
    .filter(({ content, is }) => content !== is);
  const occupied = changed.filter(({ is }) => is !== null).map(({ path }) => path);
  if (occupied.length > 0 && !force) {
    const verb = occupied.length === 1 ? 'is there already' : 'are there already';
    throw new SettingError(
      `${occupied.join(', ')} ${verb}`,
      'choose another folder with --output, or overwrite with --force',
    );
  }
  for (const { path, content } of changed) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    } catch (cause) {
      const { message } = cause as Error;
      throw new SettingError(`${path} cannot be written: ${message}`, 'choose another folder with --output', { cause });
    }
  }
  return changed.map(({ path }) => path);
}

/** The content of a file; null where there is none, `''` for what is no file. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : '';
  }
}
