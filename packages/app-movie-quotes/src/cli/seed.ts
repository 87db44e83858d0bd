// quotes seed: the quotes of the bundled catalogue that are missing.

import { CATALOGUE } from '../database/catalogue.ts';
import { importQuotes } from '../modules/transfer/import.ts';
import type { Row } from '../modules/transfer/rows.ts';
import { withDatabase } from './command-database.ts';
import { report } from './import.ts';
import type { Terminal } from './terminal.ts';

export async function seed(terminal: Terminal): Promise<void> {
  const rows: Row[] = CATALOGUE.flatMap(({ title: film, year, quotes }) =>
    quotes.map(({ content, speaker }) => ({ line: 0, value: { film, year, content, speaker } })),
  );
  report(terminal, await withDatabase(terminal, (database) => importQuotes(database, rows, 'cli')));
}
