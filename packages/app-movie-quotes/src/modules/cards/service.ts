// The cards of the quotes: from the disk, or drawn by a thread; once, however many ask for the same at the same time.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type CacheOptions, createCardCache } from './cache.ts';
import type { Card } from './draw.ts';
import { createThreads, type ThreadOptions, type Work } from './threads.ts';

export interface CardService {
  /** Names the picture of a card: another one for whatever changes the picture, and the same one everywhere. */
  nameOf(card: Card): string;
  /** The picture, a PNG. Whoever asked for it leaves by the signal; when all have left it is not drawn. */
  picture(card: Card, signal: AbortSignal): Promise<Buffer>;
  /** Keeps a thread busy for so many milliseconds. */
  work(ms: number, signal: AbortSignal): Promise<Work>;
  /** Ends the threads. */
  close(): Promise<void>;
}

interface Drawing {
  readonly png: Promise<Buffer>;
  readonly abandoned: AbortController;
  clients: number;
}

export function createCardService(options: CacheOptions & ThreadOptions): CardService {
  const cache = createCardCache(options);
  const threads = createThreads(options);
  const version = versionOfDrawing();
  const drawings = new Map<string, Drawing>();

  async function draw(name: string, card: Card, signal: AbortSignal): Promise<Buffer> {
    const kept = await cache.read(name);
    if (kept !== undefined) return kept;
    const png = await threads.draw(card, signal);
    await cache.write(name, png);
    return png;
  }

  function begin(name: string, card: Card): Drawing {
    const abandoned = new AbortController();
    const png = draw(name, card, abandoned.signal).finally(() => {
      if (drawings.get(name) === drawing) drawings.delete(name);
    });
    // Those who wait have heard of it or have left.
    png.catch(() => {});
    const drawing = { png, abandoned, clients: 0 };
    drawings.set(name, drawing);
    return drawing;
  }

  const service: CardService = {
    nameOf({ film, year, content, speaker }) {
      const card = JSON.stringify([film, year, content, speaker]);
      return createHash('sha256').update(version).update(card).digest('base64url').slice(0, 27);
    },

    async picture(card, signal) {
      signal.throwIfAborted();
      const name = service.nameOf(card);
      const drawing = drawings.get(name) ?? begin(name, card);
      drawing.clients += 1;
      const { promise: left, reject } = Promise.withResolvers<never>();
      const leave = (): void => {
        drawing.clients -= 1;
        if (drawing.clients === 0) {
          // Whoever comes now begins anew.
          drawings.delete(name);
          drawing.abandoned.abort(signal.reason);
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      try {
        return await Promise.race([drawing.png, left]);
      } finally {
        signal.removeEventListener('abort', leave);
      }
    },

    work: threads.work,
    close: threads.close,
  };
  return service;
}

/** Changes with the code that draws, its fonts and its library, so that no picture of another version is taken for one. */
function versionOfDrawing(): Buffer {
  const extension = extname(import.meta.filename);
  const hash = createHash('sha256');
  for (const name of ['draw', 'eras', 'motifs', 'picture']) {
    hash.update(readFileSync(new URL(`./${name}${extension}`, import.meta.url)));
  }
  for (const name of ['instrument-serif', 'league-gothic']) {
    for (const file of [`${name}.woff2`, `${name}-latin-ext.woff2`]) {
      hash.update(readFileSync(new URL(`../../../src/public/fonts/${file}`, import.meta.url)));
    }
  }
  hash.update(readFileSync(new URL('../package.json', import.meta.resolve('@takumi-rs/core'))));
  return hash.digest();
}
