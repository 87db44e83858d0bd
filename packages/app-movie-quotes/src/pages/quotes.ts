// What the pages of quotes show: one, a table of them, and those that are liked this week.

import type { Quote } from '../modules/quotes/schemas.ts';
import type { QuotePage } from '../modules/quotes/service.ts';
import type { Counts, Trend } from '../modules/reactions/store.ts';
import { pagerOf } from './pager.ts';
import { eraOf, formatCount, formatDay, formatNumber, sizeOf, typesetQuote } from './typeset.ts';

/** What the table can be sorted by. */
export const SORTS = ['id', '-id', 'speaker', '-speaker', 'film', '-film', 'year', '-year'] as const;

export function todayPage(quote: Quote, now: Date) {
  return { ...scene(quote), day: { iso: now.toISOString().slice(0, 10), text: formatDay(now) } };
}

/** Without `counts` they are not known now. None at all is not worth a word. */
export function quotePage(quote: Quote, counts: Counts | undefined, liked: boolean) {
  return {
    ...scene(quote),
    day: null,
    liked,
    likes: counts?.likes ? formatNumber(counts.likes) : '',
    views: counts?.views ? formatCount(counts.views, 'time') : '',
  };
}

function scene(quote: Quote) {
  return { quote: typesetQuote(quote), era: eraOf(quote.year), size: sizeOf(quote.content) };
}

export function quotesPage({ quotes, total, page, pages }: QuotePage, search: string, sort: string) {
  const address = (sort: string, page = 1): string => {
    const query = new URLSearchParams();
    if (search !== '') query.set('search', search);
    if (sort !== 'id') query.set('sort', sort);
    if (page !== 1) query.set('page', String(page));
    return query.size === 0 ? 'quotes' : `quotes?${query}`;
  };
  const columns = [
    { word: 'speaker', text: 'Speaker' },
    { word: 'film', text: 'Film' },
    { word: 'year', text: 'Year' },
  ].map(({ word, text }) => ({
    word,
    text,
    sorted: sort === word ? 'ascending' : sort === `-${word}` ? 'descending' : null,
    path: address(sort === word ? `-${word}` : word),
  }));
  return {
    quotes: quotes.map((quote) => ({ ...typesetQuote(quote), era: eraOf(quote.year) })),
    columns,
    search,
    sort,
    found: search === '' ? formatCount(total, 'quote') : `${formatCount(total, 'quote')} with “${search}”`,
    path: address(sort, page),
    pager: pagerOf(page, pages, (page) => address(sort, page)),
  };
}

export function trendingPage(trends: readonly Trend[], quotes: readonly Quote[]) {
  const byId = new Map(quotes.map((quote) => [quote.id, quote]));
  const known = trends.flatMap((trend) => {
    const quote = byId.get(trend.quoteId);
    return quote === undefined ? [] : [{ quote, trend }];
  });
  return {
    trends: known.map(({ quote, trend }, index) => ({
      rank: index + 1,
      quote: typesetQuote(quote),
      era: eraOf(quote.year),
      size: sizeOf(quote.content),
      likes: formatCount(trend.likes, 'like'),
      views: formatCount(trend.views, 'view'),
    })),
  };
}
