// What one can ask of the quotes, whoever asks: a page, the API or an administrator.

import type { Database, Transaction } from '../../database/database.ts';
import type { ListQuery } from '../listing.ts';
import { NotFound } from '../refusal.ts';
import { createQuote, type Expected, refuseDuplicates, removeQuote, replaceQuote } from './changes.ts';
import type { Quote, QuoteInput } from './schemas.ts';
import type { QuoteStore } from './store.ts';

export interface QuoteService {
  /** Any quote, each as likely as the others. */
  random(): Promise<Quote>;
  /** The quote of the day (UTC): the same for everyone until midnight. */
  ofTheDay(now: Date): Promise<Quote>;
  /** Those of several days, in their order. */
  ofDays(days: readonly Date[]): Promise<readonly { readonly day: Date; readonly quote: Quote }[]>;
  get(id: number): Promise<Quote>;
  /** Those that there are, in no order. */
  some(ids: readonly number[]): Promise<readonly Quote[]>;
  /** A page of the list, and the cursor of the next one; null where it is the last. */
  list(query: ListQuery): Promise<{ quotes: readonly Quote[]; next: string | null }>;
  /** A numbered page, from 1; the last one where there are not so many. */
  page(query: PageQuery): Promise<QuotePage>;
  /** Quotes of a film in the order in which they came, at most 500. */
  ofFilm(filmId: number): Promise<readonly Quote[]>;
  /** `actor` is for the audit log: `api`, `admin:NAME`. */
  create(input: QuoteInput, actor: string): Promise<Quote>;
  /** Refused with 412 where the quote does not have the `expected` version. */
  replace(id: number, input: QuoteInput, actor: string, expected?: Expected): Promise<Quote>;
  remove(id: number, actor: string, expected?: Expected): Promise<void>;
}

export interface PageQuery {
  readonly search?: string | undefined;
  readonly sort?: string | undefined;
  readonly page: number;
  readonly size: number;
}

export interface QuotePage {
  readonly quotes: readonly Quote[];
  /** Quotes on all pages. */
  readonly total: number;
  readonly page: number;
  /** At least 1. */
  readonly pages: number;
}

const DAY = 86_400_000;
// Multiples of the golden ratio, taken modulo 1, land far from the earlier ones and spread evenly (Weyl's sequence):
// consecutive days show films of different times, and all of the catalogue gets its turn.
const GOLDEN = (Math.sqrt(5) - 1) / 2;

const positionOf = (day: Date): number => (Math.floor(day.getTime() / DAY) * GOLDEN) % 1;

export function createQuoteService(database: Database, store: QuoteStore): QuoteService {
  const change = <Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> =>
    refuseDuplicates(database.transaction(work));
  const orNotFound = (quote: Quote | undefined, message: string): Quote => {
    if (quote === undefined) throw new NotFound(message);
    return quote;
  };
  return {
    async random() {
      return orNotFound(await store.at(Math.random()), 'the catalogue is empty');
    },
    async ofTheDay(now) {
      return orNotFound(await store.at(positionOf(now)), 'the catalogue is empty');
    },
    async ofDays(days) {
      const ids = await store.idsAt(days.map(positionOf));
      const quotes = new Map((await store.some([...new Set(ids)])).map((quote) => [quote.id, quote]));
      return days.flatMap((day, index) => {
        const quote = quotes.get(ids[index] as number);
        return quote === undefined ? [] : [{ day, quote }];
      });
    },
    async get(id) {
      return orNotFound(await store.find(id), `there is no quote ${id}`);
    },
    some: (ids) => store.some(ids),
    async list(query) {
      const { rows, next } = await store.list(query);
      return { quotes: rows, next };
    },
    async page({ search, sort, page, size }) {
      const total = await store.count(search);
      const pages = Math.max(Math.ceil(total / size), 1);
      const shown = Math.min(page, pages);
      const quotes = total === 0 ? [] : await store.slice({ search, sort, limit: size }, (shown - 1) * size);
      return { quotes, total, page: shown, pages };
    },
    ofFilm: (filmId) => store.ofFilm(filmId),
    create: (input, actor) => change((transaction) => createQuote(transaction, database.words, input, actor)),
    replace: (id, input, actor, expected) =>
      change((transaction) => replaceQuote(transaction, database.words, id, input, actor, expected)),
    remove: (id, actor, expected) => change((transaction) => removeQuote(transaction, id, actor, expected)),
  };
}
