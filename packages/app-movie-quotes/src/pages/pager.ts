// The links from one page of a list to the others.

export interface Pager {
  readonly previous: string | null;
  readonly next: string | null;
  /** The first, the last, and those around this one; null for those that are left out. */
  readonly pages: readonly ({ readonly page: number; readonly path: string; readonly current: boolean } | null)[];
}

/** Null where all is on one page. `address` gives the path of a page. */
export function pagerOf(page: number, pages: number, address: (page: number) => string): Pager | null {
  if (pages <= 1) return null;
  const shown = [...new Set([1, page - 1, page, page + 1, pages])].filter((one) => one >= 1 && one <= pages);
  return {
    previous: page > 1 ? address(page - 1) : null,
    next: page < pages ? address(page + 1) : null,
    pages: shown.flatMap((one, index) => [
      ...(one > (shown[index - 1] ?? 0) + 1 ? [null] : []),
      { page: one, path: address(one), current: one === page },
    ]),
  };
}
