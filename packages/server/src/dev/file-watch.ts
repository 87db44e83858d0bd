// Watches files by the folders that they are in: editors put a new file in the place of the old one, and a watch of the
// file itself would stay with the old one. A file need not exist yet, nor its folder.

import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { stampOf } from './stamp.ts';

/** Milliseconds without an event after which a change counts as done: a save is several events, a checkout many. */
const CALM = 50;

interface Folder {
  readonly watcher: FSWatcher;
  /** A folder that was removed and made again is another one, and its watcher is dead. */
  readonly inode: number;
  readonly names: Set<string>;
}

/** A set of watched files. */
export class FileWatch {
  readonly #changed: (paths: readonly string[]) => void;
  readonly #failed: (folder: string, error: Error) => void;
  readonly #stamps = new Map<string, string>();
  readonly #folders = new Map<string, Folder>();
  #calm: NodeJS.Timeout | undefined;

  /** `changed` gets the files that changed, were made or removed; `failed` a folder that the system does not watch. */
  constructor(changed: (paths: readonly string[]) => void, failed: (folder: string, error: Error) => void) {
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Watches the file at `path`, which was as `stamp` tells: a change since then counts. */
  add(path: string, stamp: string): void {
    this.#stamps.set(path, stamp);
    this.#arm(path);
    if (stampOf(path) !== stamp) this.#wait();
  }

  /** Goes on with the files alone that `wanted` says. */
  keep(wanted: (path: string) => boolean): void {
    for (const path of this.#stamps.keys()) if (!wanted(path)) this.#stamps.delete(path);
    this.#armAll();
  }

  close(): void {
    clearTimeout(this.#calm);
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
    this.#stamps.clear();
  }

  #wait(): void {
    clearTimeout(this.#calm);
    this.#calm = setTimeout(() => this.#compare(), CALM);
  }

  #compare(): void {
    this.#armAll();
    const changed: string[] = [];
    for (const [path, stamp] of this.#stamps) {
      const now = stampOf(path);
      if (now === stamp) continue;
      this.#stamps.set(path, now);
      changed.push(path);
    }
    if (changed.length > 0) this.#changed(changed);
  }

  /** Watches what the files need as things are now, and nothing else. */
  #armAll(): void {
    for (const folder of this.#folders.values()) folder.names.clear();
    for (const path of this.#stamps.keys()) this.#arm(path);
    for (const [path, { watcher, names }] of this.#folders) {
      if (names.size > 0) continue;
      watcher.close();
      this.#folders.delete(path);
    }
  }

  #arm(path: string): void {
    const { folder, name, inode } = footing(path);
    let known = this.#folders.get(folder);
    if (known?.inode !== inode) {
      known?.watcher.close();
      known = this.#open(folder, inode);
    }
    known?.names.add(name);
  }

  #open(folder: string, inode: number): Folder | undefined {
    const names = new Set<string>();
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // Events of the folder itself, such as its removal, come with its own name.
        if (name === null || names.has(name) || name === basename(folder)) this.#wait();
      });
      watcher.on('error', (error) => this.#failed(folder, error));
      const opened = { watcher, inode, names };
      this.#folders.set(folder, opened);
      return opened;
    } catch (error) {
      this.#folders.delete(folder);
      this.#failed(folder, error as Error);
      return undefined;
    }
  }
}

/** The nearest folder above `path` that exists, and the name in it that leads to `path`. */
function footing(path: string): { folder: string; name: string; inode: number } {
  const [folder, name] = [dirname(path), basename(path)];
  const found = statSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() || folder === dirname(folder)
    ? { folder, name, inode: found?.ino ?? 0 }
    : footing(folder);
}
