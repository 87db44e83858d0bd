// quotes seed: the quotes of the bundled catalogue that are missing.

import type { Command } from 'commander';
import { CATALOGUE } from '../database/catalogue.ts';
import type { Row } from '../modules/transfer/formats.ts';
import { importQuotes } from '../modules/transfer/import.ts';
import { withDatabase } from './command-database.ts';
import { report } from './import.ts';

export function addSeed(program: Command): void {
  program
    .command('seed')
    .description('Adds the quotes of the bundled catalogue that are missing.')
    .action(async () => {
      const rows: Row[] = CATALOGUE.flatMap(({ title: film, year, quotes }) =>
        quotes.map(({ content, speaker }) => ({ line: 0, value: { film, year, content, speaker } })),
      );
      report(await withDatabase((database) => importQuotes(database, rows, 'cli')));
    });
}
