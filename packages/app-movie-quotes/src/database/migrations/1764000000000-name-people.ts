// Who says a quote becomes a person of the film, and a quote gets what searching and changing it need.

import { type MigrationInterface, type QueryRunner, Table, TableColumn, TableForeignKey, TableIndex } from 'typeorm';
import { searchText } from '../../modules/quotes/search.ts';
import { isMariadb } from './dialect.ts';

export class NamePeople1764000000000 implements MigrationInterface {
  readonly name = 'NamePeople1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'people',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'film_id', type: 'integer' },
          { name: 'name', type: 'varchar', length: '200' },
        ],
        uniques: [{ name: 'people_film_name', columnNames: ['film_id', 'name'] }],
        foreignKeys: [
          {
            name: 'people_film',
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
    const columns = [
      new TableColumn({ name: 'person_id', type: 'integer', isNullable: true }),
      new TableColumn({ name: 'search', type: 'varchar', length: '2000', default: "''" }),
      new TableColumn({ name: 'version', type: 'integer', default: 1 }),
      new TableColumn({ name: 'updated_at', type: 'bigint', default: 0 }),
    ];
    for (const column of columns) {
      if (!(await runner.hasColumn('quotes', column.name))) await runner.addColumn('quotes', column);
    }
    if (!(await runner.hasColumn('quotes', 'speaker'))) return;
    await fill(runner);
    await changeColumn(runner, new TableColumn({ name: 'person_id', type: 'integer' }));
    const table = await runner.getTable('quotes');
    if (!table?.foreignKeys.some(({ name }) => name === 'quotes_person')) {
      await runner.createForeignKey(
        'quotes',
        new TableForeignKey({
          name: 'quotes_person',
          columnNames: ['person_id'],
          referencedTableName: 'people',
          referencedColumnNames: ['id'],
          onDelete: 'CASCADE',
          onUpdate: 'NO ACTION',
        }),
      );
    }
    // Not the name of the key above, by which MariaDB would take it for the index of that key.
    if (!table?.indices.some(({ name }) => name === 'quotes_person_id')) {
      await runner.createIndex('quotes', new TableIndex({ name: 'quotes_person_id', columnNames: ['person_id'] }));
    }
    await runner.dropColumn('quotes', 'speaker');
  }

  async down(runner: QueryRunner): Promise<void> {
    if (await runner.hasColumn('quotes', 'person_id')) {
      if (!(await runner.hasColumn('quotes', 'speaker'))) {
        const empty = new TableColumn({ name: 'speaker', type: 'varchar', length: '200', default: "''" });
        await runner.addColumn('quotes', empty);
      }
      await runner.query('UPDATE quotes SET speaker = (SELECT name FROM people WHERE people.id = quotes.person_id)');
      await changeColumn(runner, new TableColumn({ name: 'speaker', type: 'varchar', length: '200' }));
      const table = await runner.getTable('quotes');
      if (table?.foreignKeys.some(({ name }) => name === 'quotes_person')) {
        await runner.dropForeignKey('quotes', 'quotes_person');
      }
      if (table?.indices.some(({ name }) => name === 'quotes_person_id')) {
        await runner.dropIndex('quotes', 'quotes_person_id');
      }
    }
    for (const name of ['person_id', 'search', 'version', 'updated_at']) {
      if (await runner.hasColumn('quotes', name)) await runner.dropColumn('quotes', name);
    }
    await runner.dropTable('people', true);
  }
}

/** A column of `quotes` as it is to be, with what is in it. */
async function changeColumn(runner: QueryRunner, column: TableColumn): Promise<void> {
  if (isMariadb(runner)) {
    // TypeORM drops the column and adds another, where what it reads back (int) is not what it was told (integer).
    const type = column.length === '' ? column.type : `${column.type}(${column.length})`;
    await runner.query(`ALTER TABLE quotes MODIFY ${column.name} ${type} NOT NULL`);
  } else {
    await runner.changeColumn('quotes', column.name, column);
  }
}

async function fill(runner: QueryRunner): Promise<void> {
  const found: { filmId: number; name: string }[] = await runner.query(
    `SELECT DISTINCT film_id AS filmId, speaker AS name FROM quotes
      WHERE NOT EXISTS (SELECT 1 FROM people WHERE people.film_id = quotes.film_id AND people.name = quotes.speaker)
      ORDER BY film_id, speaker`,
  );
  for (const { filmId, name } of found) {
    await runner.query('INSERT INTO people (film_id, name) VALUES (?, ?)', [filmId, name]);
  }
  await runner.query(
    `UPDATE quotes SET person_id =
      (SELECT people.id FROM people WHERE people.film_id = quotes.film_id AND people.name = quotes.speaker)`,
  );
  const quotes: { id: number; content: string; speaker: string; film: string; year: number }[] = await runner.query(
    `SELECT quotes.id AS id, content, speaker, title AS film, year FROM quotes JOIN films ON films.id = quotes.film_id`,
  );
  for (const quote of quotes) {
    await runner.query('UPDATE quotes SET search = ? WHERE id = ?', [searchText(quote), quote.id]);
  }
}
