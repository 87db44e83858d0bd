// Tables of plain text: columns as wide as their widest cell, two spaces between them.

/** A column: its heading, and whether its cells stand at the right, as numbers do. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** The lines of a table, its headings first. */
export function columns(heads: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const table = [heads.map(({ title }) => title), ...rows.map((row) => row.map(printable))];
  const widths = heads.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, i) => (heads[i]?.right === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** On one line, and without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
