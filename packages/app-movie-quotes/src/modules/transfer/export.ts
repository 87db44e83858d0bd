// Writes the whole catalogue in the formats that an import takes, a page of it at a time.

import { stringify } from 'csv-stringify/sync';
import type { Database } from '../../database/database.ts';
import type { QuoteInput } from '../quotes/schemas.ts';
import { COLUMNS, type Format } from './format.ts';

const PAGE = 1000;

/** The catalogue as text in `format`, oldest quote first. What is changed meanwhile is in it or is not. */
export async function* exportQuotes(database: Database, format: Format): AsyncGenerator<string> {
  let first = true;
  if (format === 'json') yield '[';
  if (format === 'csv') yield `${COLUMNS.join(',')}\n`;
  for await (const quotes of pagesOf(database)) {
    if (format === 'csv') yield stringify(quotes, { columns: [...COLUMNS] });
    else if (format === 'ndjson') yield quotes.map((quote) => `${JSON.stringify(quote)}\n`).join('');
    else yield quotes.map((quote, i) => `${first && i === 0 ? '' : ','}\n  ${JSON.stringify(quote)}`).join('');
    first = false;
  }
  if (format === 'json') yield first ? ']\n' : '\n]\n';
}

async function* pagesOf(database: Database): AsyncGenerator<QuoteInput[]> {
  for (let last = 0; ; ) {
    const rows = await database.query<QuoteInput & { id: number }>(
      `SELECT quotes.id AS id, title AS film, year, content, name AS speaker
        FROM quotes JOIN films ON films.id = quotes.film_id JOIN people ON people.id = quotes.person_id
       WHERE quotes.id > ? ORDER BY quotes.id LIMIT ${PAGE}`,
      [last],
    );
    if (rows.length === 0) return;
    last = (rows.at(-1) as { id: number }).id;
    yield rows.map(({ film, year, content, speaker }) => ({ film, year, content, speaker }));
  }
}
