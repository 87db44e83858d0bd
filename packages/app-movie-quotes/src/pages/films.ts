// What the pages of films show: the decades, the films of one, and a film with its quotes.

import type { Decade, Film, FilmSummary } from '../modules/films/schemas.ts';
import type { Counts } from '../modules/reactions/store.ts';
import { pagerOf } from './pager.ts';
import { eraOf, formatCount, formatNumber, sizeOf, typeset } from './typeset.ts';

/** Without a decade it is the page of all of them. */
export function filmsPage(
  decades: readonly Decade[],
  decade: number | undefined,
  films: readonly FilmSummary[],
  page: number,
  size: number,
) {
  const here = decades.find((one) => one.decade === decade);
  const address = (page: number): string => `films?decade=${decade}${page === 1 ? '' : `&page=${page}`}`;
  return {
    path: decade === undefined ? 'films' : address(page),
    era: decade === undefined ? '' : eraOf(decade),
    decade,
    title: decade === undefined ? 'Films' : `The ${decade}s`,
    count: formatCount(here?.films ?? decades.reduce((sum, { films }) => sum + films, 0), 'film'),
    decades: decades.map(({ decade: of, films, quotes }) => ({
      text: `${of}s`,
      path: `films?decade=${of}`,
      era: eraOf(of),
      films: formatCount(films, 'film'),
      quotes: formatCount(quotes, 'quote'),
      current: of === decade,
    })),
    films: films.map(({ id, title, year, quoteCount }) => ({ id, title: typeset(title), year, quotes: quoteCount })),
    pager: pagerOf(page, Math.ceil((here?.films ?? 0) / size), address),
  };
}

/** A quote that is missing in `counts` has likes that are not known now. */
export function filmPage({ id, title, year, quotes }: Film, counts: ReadonlyMap<number, Counts>) {
  const decade = Math.floor(year / 10) * 10;
  return {
    path: `films/${id}`,
    film: typeset(title),
    year,
    era: eraOf(year),
    decade: { text: `The ${decade}s`, path: `films?decade=${decade}` },
    count: formatCount(quotes.length, 'quote'),
    quotes: quotes.map(({ id, content, speaker }) => {
      const likes = counts.get(id)?.likes;
      return {
        id,
        content: typeset(content),
        speaker: typeset(speaker),
        size: sizeOf(content),
        likes: likes === undefined ? null : formatNumber(likes),
      };
    }),
  };
}
