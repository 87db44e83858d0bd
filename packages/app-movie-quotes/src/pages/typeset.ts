// How texts are set on a page, and the look of a film's time.

import type { Quote } from '../modules/quotes/schemas.ts';

/** The catalogue is written with the keyboard's quotes; those of a book nest: single ones within the page's double. */
export function typeset(text: string): string {
  return text
    .replaceAll("'", '’')
    .replace(/(^|[\s([—])"/g, '$1‘')
    .replaceAll('"', '’')
    .replaceAll('...', '…');
}

/** A quote with typographic quotes, apostrophes and ellipses in all its texts. */
export function typesetQuote(quote: Quote): Quote {
  return {
    ...quote,
    film: typeset(quote.film),
    content: typeset(quote.content),
    speaker: typeset(quote.speaker),
  };
}

/** The class of style.css with the colours of a year's decade: the first and the last ones have no end. */
export function eraOf(year: number): string {
  return `era-${Math.min(Math.max(Math.floor(year / 10) * 10, 1930), 2010)}`;
}

/** How large the words of a quote are set. */
export function sizeOf({ length }: string): 'short' | 'medium' | 'long' {
  return length <= 32 ? 'short' : length <= 84 ? 'medium' : 'long';
}

const NUMBER = new Intl.NumberFormat('en-GB');
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

/** `1,204` */
export const formatNumber = (value: number): string => NUMBER.format(value);

/** `12 likes`, `1 like`. */
export const formatCount = (value: number, noun: string): string =>
  `${NUMBER.format(value)} ${noun}${value === 1 ? '' : 's'}`;

/** `21 November 2026` (UTC). */
export const formatDay = (date: Date): string => DAY.format(date);
