// What runs in a thread of the pool.

import { createHash } from 'node:crypto';
import type { Card } from './draw.ts';
import type { Work } from './threads.ts';

export async function draw(card: Card): Promise<Buffer> {
  // It lays out and rasterises in libuv's pool, and this thread waits for it: so as many are drawn at once as there are
  // threads here, and at most four (UV_THREADPOOL_SIZE).
  // Loaded here, so that a platform that it has no binary for is the error of a task, and not of the whole pool.
  const { drawCard } = await import('./draw.ts');
  return drawCard(card);
}

/** Works for so many milliseconds, without a break. */
export function work(ms: number): Work {
  const block = new Uint8Array(65_536);
  const end = performance.now() + ms;
  let blocks = 0;
  while (performance.now() < end) {
    createHash('sha256').update(block).digest();
    blocks += 1;
  }
  return { ms, blocks };
}
