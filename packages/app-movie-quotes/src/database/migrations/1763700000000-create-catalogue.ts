// The catalogue's first tables: films and their quotes.

import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class CreateCatalogue1763700000000 implements MigrationInterface {
  // Written out, because a bundler may rename the class, and the name is what the database remembers.
  readonly name = 'CreateCatalogue1763700000000';

  async up(runner: QueryRunner): Promise<void> {
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
          },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('quotes');
    await runner.dropTable('films');
  }
}
