// The catalogue's first tables: films and their quotes.
//
// MariaDB ends a transaction at each change of a table, so a migration that was cut there is run again from its start:
// every step of every migration looks whether it was done.

import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { isMariadb } from './dialect.ts';

export class CreateCatalogue1763700000000 implements MigrationInterface {
  // Written out, because a bundler may rename the class, and the name is what the database remembers.
  readonly name = 'CreateCatalogue1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    // Titles that differ in an accent, a capital or a space at the end are two titles, as they are in SQLite.
    if (isMariadb(runner)) await runner.query('ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin');
    await runner.createTable(
      new Table({
        name: 'films',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'title', type: 'varchar', length: '200' },
          { name: 'year', type: 'smallint' },
        ],
        uniques: [{ name: 'films_title_year', columnNames: ['title', 'year'] }],
        indices: [{ name: 'films_year', columnNames: ['year'] }],
      }),
      true,
    );
    await runner.createTable(
      new Table({
        name: 'quotes',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'film_id', type: 'integer' },
          { name: 'content', type: 'varchar', length: '500' },
          { name: 'speaker', type: 'varchar', length: '200' },
        ],
        // Its first column serves the look-up of a film's quotes as well.
        uniques: [{ name: 'quotes_film_content', columnNames: ['film_id', 'content'] }],
        foreignKeys: [
          {
            name: 'quotes_film',
            columnNames: ['film_id'],
            referencedTableName: 'films',
            referencedColumnNames: ['id'],
            onDelete: 'CASCADE',
            onUpdate: 'NO ACTION',
          },
        ],
      }),
      true,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('quotes', true);
    await runner.dropTable('films', true);
  }
}
