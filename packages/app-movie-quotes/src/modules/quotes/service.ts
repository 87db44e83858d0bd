// What one can ask of the quotes, whoever asks: a page or the API.

import type { Quote } from './schemas.ts';
import type { QuoteStore } from './store.ts';

export interface QuoteService {
  /** Any quote, each as likely as the others. */
  random(): Promise<Quote>;
  /** The quote of the day (UTC): the same for everyone until midnight. */
  ofTheDay(now: Date): Promise<Quote>;
  get(id: number): Promise<Quote>;
}

/** No such quote; answered with 404. */
export class QuoteNotFound extends Error {
  readonly statusCode = 404;
}

const DAY = 86_400_000;
// Multiples of the golden ratio, taken modulo 1, land far from the earlier ones and spread evenly (Weyl's sequence):
// consecutive days show films of different times, and all of the catalogue gets its turn.
const GOLDEN = (Math.sqrt(5) - 1) / 2;

export function createQuoteService(store: QuoteStore): QuoteService {
  const orNotFound = (quote: Quote | undefined, message: string): Quote => {
    if (quote === undefined) throw new QuoteNotFound(message);
    return quote;
  };
  return {
    async random() {
      return orNotFound(await store.at(Math.random()), 'the catalogue is empty');
    },
    async ofTheDay(now) {
      const day = Math.floor(now.getTime() / DAY);
      return orNotFound(await store.at((day * GOLDEN) % 1), 'the catalogue is empty');
    },
    async get(id) {
      return orNotFound(await store.find(id), `there is no quote ${id}`);
    },
  };
}
