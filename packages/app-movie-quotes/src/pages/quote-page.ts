// What the page of a quote shows: the quote as it is typeset, and the look of its film's time.

import type { Quote } from '../modules/quotes/schemas.ts';

export interface QuotePage {
  /** The quote with typographic quotes, apostrophes and ellipses in all its texts. */
  readonly quote: Quote;
  /** The page's colours: that of the film's decade. */
  readonly era: string;
  /** How large the words are set. */
  readonly size: 'short' | 'medium' | 'long';
  /** The day, where this is the quote of the day. */
  readonly day: { readonly iso: string; readonly text: string } | null;
}

/** `today` makes it the page of the quote of the day. */
export function quotePage(quote: Quote, today?: Date): QuotePage {
  const { length } = quote.content;
  return {
    quote: {
      ...quote,
      film: typeset(quote.film),
      content: typeset(quote.content),
      speaker: typeset(quote.speaker),
    },
    era: `era-${Math.min(Math.max(Math.floor(quote.year / 10) * 10, 1920), 2010)}`,
    size: length <= 32 ? 'short' : length <= 84 ? 'medium' : 'long',
    day: today === undefined ? null : { iso: today.toISOString().slice(0, 10), text: DAY.format(today) },
  };
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

/** The catalogue is written with the keyboard's quotes; those of a book nest: single ones within the page's double. */
function typeset(text: string): string {
  return text
    .replaceAll("'", '’')
    .replace(/(^|[\s([—])"/g, '$1‘')
    .replaceAll('"', '’')
    .replaceAll('...', '…');
}
