// quotes assets: the static files where a web server serves them by itself. Each version has a folder of its own, which is
// there whole or not at all; those of before stay, for pages that a browser or a proxy still has name their files.

import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { BadInput } from '../modules/transfer/bad-input.ts';
import { readStaticFiles, type StaticFiles } from '../pages/static-files.ts';
import type { Terminal } from './terminal.ts';

const VERSION = /^[0-9a-f]{12}$/;
const UNFINISHED = '.unfinished-';
/** Milliseconds after which a folder that is unfinished is one whose process is gone. */
const ABANDONED = 3_600_000;

/** Copies the files to `folder`, keeps the `keep` versions that were copied last, and writes the path of this one. */
export async function copyAssets({ stdout, cwd }: Terminal, folder: string, keep: number): Promise<void> {
  const root = resolve(cwd(), folder);
  const assets = await readStaticFiles();
  const path = join(root, assets.version);
  try {
    if ((await mkdir(root, { recursive: true })) !== undefined) await chmod(root, 0o755);
    if (!(await touch(path))) await copy(assets, root, path);
    await removeOld(root, keep);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new BadInput(`the folder "${root}" cannot be written (${code})`, 'choose another folder, or make room', {
      cause: error,
    });
  }
  stdout.write(`${path}\n`);
}

/** Makes a version the latest one, where it is there. */
async function touch(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Whatever the umask, everybody may read them: the web server is another user. */
async function copy({ files }: StaticFiles, root: string, path: string): Promise<void> {
  const unfinished = await mkdtemp(join(root, UNFINISHED));
  try {
    await chmod(unfinished, 0o755);
    for (const [name, bytes] of files) {
      const file = join(unfinished, name);
      await mkdir(dirname(file), { recursive: true });
      await chmod(dirname(file), 0o755);
      // On the disk before the folder has its name: a cut of the power must not leave empty files to be kept for ever.
      await writeFile(file, bytes, { flush: true });
      await chmod(file, 0o644);
    }
    await rename(unfinished, path).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was first, with the same files.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function removeOld(root: string, keep: number): Promise<void> {
  const versions: { path: string; copied: number }[] = [];
  for (const name of await readdir(root)) {
    const path = join(root, name);
    // Another run may have renamed or removed it since.
    const copied = (await stat(path).catch(() => null))?.mtimeMs;
    if (copied === undefined) continue;
    if (VERSION.test(name)) versions.push({ path, copied });
    else if (name.startsWith(UNFINISHED) && Date.now() - copied > ABANDONED)
      await rm(path, { recursive: true, force: true });
  }
  versions.sort((a, b) => b.copied - a.copied);
  for (const { path } of versions.slice(keep)) await rm(path, { recursive: true, force: true });
}
