// Cards that have been drawn, as files in a folder that several workers and containers share. It only saves work: where it
// cannot be read or written, there is no cache and nothing else changes.

import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';

export interface CardCache {
  /** The card of this name; undefined where there is none. */
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, png: Buffer): Promise<void>;
}

export interface CacheOptions {
  readonly folder: string;
  /** All files together. 0 for no cache. */
  readonly maxBytes: number;
  readonly log: FastifyBaseLogger;
}

/** Ours, also those that a killed process has left half-written; any other file in the folder is not touched. */
const OURS = /^[\w-]{27}\.png(\.[0-9a-f]{12}\.tmp)?$/;
/** The last chunk of every PNG: a file that was cut, by a crash of the machine, has no such end. */
const END = Buffer.from('0000000049454e44ae426082', 'hex');
/** How old its last reading may seem, so that not each one is written down. */
const MINUTE = 60_000;

export function createCardCache({ folder, maxBytes, log }: CacheOptions): CardCache {
  if (maxBytes === 0) return { read: async () => undefined, write: async () => {} };

  let warned = false;
  /** Bytes written since the folder was measured. The first one is to measure it. */
  let written = Number.POSITIVE_INFINITY;

  function warn(error: unknown): void {
    if (!warned) log.warn({ err: error, folder }, `cards are not kept in ${folder}: ${(error as Error).message}`);
    warned = true;
  }

  /** Removes those that were read least recently. Others may do the same at this moment. */
  async function prune(): Promise<void> {
    const files: { path: string; size: number; used: number }[] = [];
    for (const name of await readdir(folder)) {
      if (!OURS.test(name)) continue;
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) files.push({ path, size: found.size, used: found.mtimeMs });
    }
    let size = files.reduce((sum, file) => sum + file.size, 0);
    // Room for what is written until the next time, here and by some others.
    const enough = maxBytes * (size > maxBytes * 0.9 ? 0.8 : 1);
    files.sort((a, b) => a.used - b.used);
    for (const file of files) {
      if (size <= enough) break;
      await rm(file.path, { force: true });
      size -= file.size;
    }
  }

  return {
    async read(name) {
      try {
        await using file = await open(join(folder, `${name}.png`));
        const { mtimeMs } = await file.stat();
        const png = await file.readFile();
        if (!png.subarray(-END.length).equals(END)) return undefined;
        const now = Date.now();
        // Who may read but not write has a cache that others keep.
        if (now - mtimeMs > MINUTE) await file.utimes(now / 1000, now / 1000).catch(() => {});
        return png;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn(error);
        return undefined;
      }
    },

    async write(name, png) {
      const path = join(folder, `${name}.png`);
      const half = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(half, png, { flag: 'wx' });
        await rename(half, path);
        written += png.length;
        if (written > maxBytes / 20) {
          written = 0;
          await prune();
        }
        warned = false;
      } catch (error) {
        await rm(half, { force: true }).catch(() => {});
        warn(error);
      }
    },
  };
}
