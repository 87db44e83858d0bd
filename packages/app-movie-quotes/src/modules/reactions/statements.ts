// SQL statements over many rows at once.

/** `?, ?, ?`, or as many of `part`. */
export function list(count: number, part = '?'): string {
  return Array.from({ length: count }, () => part).join(', ');
}

/** Parts of at most `size`, which a statement has room for. */
export function* slices<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
