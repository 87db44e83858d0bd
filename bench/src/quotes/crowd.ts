// A hundred clients who each want a card that was never drawn, all at once, while others go on asking for random quotes.

import { setTimeout as delay } from 'node:timers/promises';
import { ask, type Steady, steadily } from './clients.ts';
import type { Site } from './site.ts';

export interface Crowd {
  readonly workers: number;
  readonly before: Steady;
  readonly during: Steady;
  /** Cards that were drawn, refused with 503 and Retry-After, and anything else. */
  readonly drawn: number;
  readonly refused: number;
  readonly other: number;
  /** Bytes of all processes: before, at the most, and after the threads have gone. */
  readonly memory: { readonly before: number; readonly most: number; readonly after: number };
}

const RANDOM = '/api/v1/quotes/random';
const CLIENTS = 100;

export async function measureCrowd(site: Site, workers: number, perSecond: number, quiet: number): Promise<Crowd> {
  // Warm, and with memory that has been grown into.
  await steadily(site.port, RANDOM, perSecond, delay(quiet));
  await ask(site.port, '/quotes/1/card.png?warm');
  await delay(quiet);
  const memory = { before: site.memory(), most: 0, after: 0 };
  const before = await steadily(site.port, RANDOM, perSecond, delay(quiet));
  const looking = setInterval(() => {
    memory.most = Math.max(memory.most, site.memory());
  }, 100);
  const cards = Promise.all(Array.from({ length: CLIENTS }, (_, i) => ask(site.port, `/quotes/${i + 150}/card.png`)));
  const during = await steadily(site.port, RANDOM, perSecond, cards);
  clearInterval(looking);
  const answers = await cards;
  const drawn = answers.filter(({ status }) => status === 200).length;
  const refused = answers.filter(
    ({ status, headers }) => status === 503 && headers['retry-after'] !== undefined,
  ).length;
  // Threads leave when they have had nothing to do for a while; what V8 keeps for itself goes with them.
  for (let i = 0; i < 20; i++) {
    await delay(1000);
    memory.after = site.memory();
    if (memory.after - memory.before < 30 * 1024 * 1024) break;
  }
  return { workers, before, during, drawn, refused, other: CLIENTS - drawn - refused, memory };
}
