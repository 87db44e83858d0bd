// Where reactions are kept: the port, filled by the SQL database (sql-store.ts) and by MongoDB (mongo-store.ts).

/** What somebody did. */
export type Reaction = Like | Views;

/** A like that is given or taken back. */
export interface Like {
  readonly kind: 'like' | 'unlike';
  readonly quoteId: number;
  /** Whose like of which quote it is: the same one given twice counts once. At most 80 characters. */
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Views of a quote, counted together. */
export interface Views {
  readonly kind: 'views';
  readonly quoteId: number;
  readonly count: number;
  readonly at: number;
}

/** A reaction with its place in the order of all of its origin, which is one SQL database. */
export type Numbered<R extends Reaction = Reaction> = R & { readonly number: number };

export interface Counts {
  readonly likes: number;
  readonly views: number;
}

/** What is known of a quote, and the numbers of the last like and of the last views that are in it. */
export interface StoredCounts extends Counts {
  readonly lastLike: number;
  readonly lastViews: number;
}

/** A quote of the week. */
export interface Trend extends Counts {
  readonly quoteId: number;
  readonly score: number;
}

export interface ReactionStore {
  /** False while everything else would reject. */
  readonly available: boolean;
  /**
   * Applies reactions in their order. MongoDB's store takes each number once for each quote or key, however often and by
   * how many processes it is delivered; the SQL database's is part of the transaction that makes the reaction, and is
   * never asked twice.
   */
  apply(reactions: readonly Numbered[]): Promise<void>;
  /** Of each quote that is asked for: zeros where it has none. */
  counts(quoteIds: readonly number[]): Promise<Map<number, StoredCounts>>;
  /** Which of these likes are given. */
  liked(keys: readonly string[]): Promise<ReadonlySet<string>>;
  /** Quotes with the most attention since `day` (of 1970-01-01 UTC), the highest score first. */
  trending(day: number, limit: number): Promise<Trend[]>;
  close(): Promise<void>;
}

export const DAY = 86_400_000;

/** The day, counted from 1970-01-01 (UTC), on which `at` is. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY);
}

/** What a like counts among views: few who look at a page press anything on it. */
export const LIKE_WEIGHT = 10;

export const NOTHING: StoredCounts = { likes: 0, views: 0, lastLike: 0, lastViews: 0 };
