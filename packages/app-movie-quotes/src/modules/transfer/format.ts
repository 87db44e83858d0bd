// The formats that quotes are imported from and exported to.

export const FORMATS = ['json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The columns of CSV, and the fields of JSON. */
export const COLUMNS = ['film', 'year', 'content', 'speaker'] as const;

/** By the name of the file; `undefined` where that says nothing. */
export function formatOf(file: string): Format | undefined {
  const ending = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase();
  return ending === 'jsonl' ? 'ndjson' : FORMATS.find((format) => format === ending);
}
