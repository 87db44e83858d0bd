// Imports quotes, all of them or none. The rows go into a temporary table first, which nobody else sees and which is gone
// with the connection; then one transaction brings them into the catalogue with a few statements, so that other writers
// wait for those and not for the reading of the file.

import { Ajv } from 'ajv';
import { QueryFailedError } from 'typeorm';
import { type Database, DatabaseUnavailable, type Transaction, type Value } from '../../database/database.ts';
import { FORM } from '../../middleware/problems.ts';
import { recordChange } from '../admin/audit.ts';
import { QuoteInput } from '../quotes/schemas.ts';
import { searchText } from '../quotes/search.ts';
import { BadRows, type RowProblem } from './bad-input.ts';
import type { Row } from './rows.ts';

/** What an import did. */
export interface Imported {
  readonly added: number;
  /** Quotes that the catalogue has already, or that came earlier in the same file: by film, year and words. */
  readonly present: number;
}

/** How many problems are kept to be told. */
const TOLD = 20;

/** How many reasons of one row. */
const MOST_REASONS = 4;

/** Rows of one INSERT. With 100, 100,000 rows take as long as with 500, and it stays far below SQLite's 32766 values. */
const BATCH = 100;

// As the API checks. It counts characters as the databases do: by code points.
const validate = new Ajv({ allErrors: true, verbose: true }).addKeyword(FORM).compile<QuoteInput>(QuoteInput);

/**
 * Imports `rows`. The database must have been opened with a pool of one connection, because a temporary table belongs to
 * one. Throws {@link BadRows}, and whatever `rows` throws; the catalogue is then what it was.
 */
export async function importQuotes(
  database: Database,
  rows: AsyncIterable<Row> | Iterable<Row>,
  actor: string,
): Promise<Imported> {
  const { dataSource, words } = database;
  // In a file, which is gone with the process; SQLite's default here is memory.
  if (database.kind === 'sqlite') await dataSource.query('PRAGMA temp_store = FILE');
  await dataSource.query('DROP TABLE IF EXISTS import_rows');
  // The names are not those of the catalogue's columns, which MariaDB would take for these below.
  await dataSource.query(`CREATE TEMPORARY TABLE import_rows (position integer NOT NULL PRIMARY KEY,
    film_title varchar(200) NOT NULL, film_year integer NOT NULL, words varchar(500) NOT NULL,
    person_name varchar(200) NOT NULL, search_text varchar(2000) NOT NULL, UNIQUE (film_title, film_year, words))`);
  try {
    const count = await stage(database, rows);
    // Once before the transaction as well: an import of what is there already never keeps anybody waiting.
    await dataSource.query(REMOVE_PRESENT);
    const [left] = await dataSource.query('SELECT position FROM import_rows LIMIT 1');
    if (left === undefined) return { added: 0, present: count };
    const added = await database.transaction((transaction) => merge(transaction, words, actor));
    return { added, present: count - added };
  } catch (error) {
    // Without the values, which the message of the driver may have in it.
    if (!(error instanceof QueryFailedError)) throw error;
    throw new DatabaseUnavailable(`it failed with ${(error.driverError as { code?: string }).code}`);
  } finally {
    await dataSource.query('DROP TABLE IF EXISTS import_rows').catch(() => {}); // It may be the connection that failed.
  }
}

/** Puts all rows into the temporary table, duplicates once, and counts them. Throws {@link BadRows}. */
async function stage(database: Database, rows: AsyncIterable<Row> | Iterable<Row>): Promise<number> {
  const problems: RowProblem[] = [];
  let wrong = 0;
  let count = 0;
  let values: Value[] = [];
  const flush = async (): Promise<void> => {
    const places = Array(values.length / 6)
      .fill('(?, ?, ?, ?, ?, ?)')
      .join(', ');
    if (values.length > 0) {
      await database.dataSource.query(
        `${database.words.insertOrIgnore} import_rows VALUES ${places}`,
        values as Value[],
      );
    }
    values = [];
  };
  for await (const row of rows) {
    const reason = 'problem' in row ? row.problem : problemOf(row.value);
    if (reason !== undefined) {
      wrong++;
      if (problems.length < TOLD) problems.push({ line: row.line, reason });
    } else if (wrong === 0) {
      const quote = (row as { value: QuoteInput }).value;
      values.push(++count, quote.film, quote.year, quote.content, quote.speaker, searchText(quote));
      if (values.length === BATCH * 6) await flush();
    }
  }
  // CSV tells broken quotation marks earlier than the rows around them.
  if (wrong > 0)
    throw new BadRows(
      problems.sort((a, b) => a.line - b.line),
      wrong,
    );
  await flush();
  return count;
}

function problemOf(value: unknown): string | undefined {
  if (validate(value)) return undefined;
  const told = validate.errors?.map(({ instancePath, keyword, message, params, parentSchema }) => {
    if (keyword === 'required') return `${params.missingProperty} is missing`;
    if (keyword === 'additionalProperties') return `${JSON.stringify(params.additionalProperty)} is not taken`;
    return `${instancePath.slice(1)} ${keyword === 'pattern' ? `must be ${parentSchema?.[FORM]}` : message}`.trim();
  });
  return told?.slice(0, MOST_REASONS).join('; ');
}

const REMOVE_PRESENT = `DELETE FROM import_rows WHERE EXISTS (
  SELECT 1 FROM films JOIN quotes ON quotes.film_id = films.id
   WHERE films.title = film_title AND films.year = film_year AND quotes.content = words)`;

/** Brings the rows into the catalogue, and gives how many there were. */
async function merge(transaction: Transaction, words: Database['words'], actor: string): Promise<number> {
  // Makes the films, and locks those that are there: until the end nobody removes one as empty, or adds a quote to it.
  await transaction.run(
    `INSERT INTO films (title, year)
      SELECT film_title, film_year FROM import_rows GROUP BY film_title, film_year ORDER BY MIN(position)
      ${words.onConflictUpdate('title, year')} year = ${words.inserted('year')}`,
  );
  await transaction.run(REMOVE_PRESENT);
  await transaction.run(
    `INSERT INTO people (film_id, name)
      SELECT films.id, person_name FROM import_rows
        JOIN films ON films.title = film_title AND films.year = film_year
       WHERE NOT EXISTS (SELECT 1 FROM people WHERE people.film_id = films.id AND people.name = person_name)
       GROUP BY films.id, person_name ORDER BY MIN(position)`,
  );
  const { rows: added } = await transaction.run(
    `INSERT INTO quotes (film_id, person_id, content, search, version, updated_at)
      SELECT films.id, people.id, words, search_text, 1, ? FROM import_rows
        JOIN films ON films.title = film_title AND films.year = film_year
        JOIN people ON people.film_id = films.id AND people.name = person_name
       ORDER BY position`,
    [Date.now()],
  );
  const [staged] = await transaction.query<{ count: number }>('SELECT COUNT(*) AS count FROM import_rows');
  if (added !== Number(staged?.count)) throw new Error(`${added} of ${staged?.count} quotes were imported`);
  if (added === 0) return 0;
  // One row for all: its subject is the newest quote.
  const [newest] = await transaction.query<{ id: number }>('SELECT MAX(id) AS id FROM quotes');
  const subjectId = Number(newest?.id);
  await recordChange(transaction, { actor, action: 'import', subject: 'quote', subjectId, was: null, became: null });
  return added;
}
