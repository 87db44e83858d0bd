// Changes of the catalogue, each in a transaction of the caller's and with its row in the audit log. A film is there while it
// has quotes, and a person while somebody quotes them.
//
// A change locks the quote first, then its film (an UPDATE that changes nothing does it in both databases): otherwise one
// process could remove a film as empty, and by its foreign key the quote that another one just added to it.

import { ConstraintViolated, type Transaction, type Words } from '../../database/database.ts';
import { recordChange } from '../admin/audit.ts';
import { NotFound, Refusal } from '../refusal.ts';
import type { Quote, QuoteInput } from './schemas.ts';
import { searchText } from './search.ts';
import { findQuote } from './store.ts';

/** The version that a quote must have to be changed, or those of which it must have one. */
export type Expected = number | readonly number[];

/** A transaction with changes: that a film has a quote twice is refused with 409. */
export async function refuseDuplicates<Result>(transaction: Promise<Result>): Promise<Result> {
  try {
    return await transaction;
  } catch (error) {
    // Films and people are looked up before they are inserted, so it is the quote.
    if (!(error instanceof ConstraintViolated && error.constraint === 'unique')) throw error;
    const message = 'must not be a quote that the film has already';
    throw new Refusal(409, `content ${message}`, [{ in: 'body', field: 'content', message }]);
  }
}

export async function createQuote(
  transaction: Transaction,
  words: Words,
  input: QuoteInput,
  actor: string,
): Promise<Quote> {
  const { filmId, personId } = await place(transaction, words, input);
  const { id } = await transaction.run(
    'INSERT INTO quotes (film_id, person_id, content, search, version, updated_at) VALUES (?, ?, ?, ?, 1, ?)',
    [filmId, personId, input.content, searchText(input), Date.now()],
  );
  const became = quoteOf(id, filmId, input, 1);
  await recordChange(transaction, { actor, action: 'create', subject: 'quote', subjectId: id, was: null, became });
  return became;
}

/** Brings a quote back that was removed, under its old id. Refused with 409 where it is there. */
export async function restoreQuote(transaction: Transaction, words: Words, was: Quote, actor: string): Promise<Quote> {
  if ((await findQuote(transaction, was.id)) !== undefined) throw new Refusal(409, `there is a quote ${was.id}`);
  const { filmId, personId } = await place(transaction, words, was);
  // One more than before, so that nobody takes it for the one that they have kept.
  const version = was.version + 1;
  await transaction.run(
    'INSERT INTO quotes (id, film_id, person_id, content, search, version, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [was.id, filmId, personId, was.content, searchText(was), version, Date.now()],
  );
  const became = quoteOf(was.id, filmId, was, version);
  await recordChange(transaction, { actor, action: 'undo', subject: 'quote', subjectId: was.id, was: null, became });
  return became;
}

/** Replaces all of a quote. One that stays what it was keeps its version. */
export async function replaceQuote(
  transaction: Transaction,
  words: Words,
  id: number,
  input: QuoteInput,
  actor: string,
  expected?: Expected,
): Promise<Quote> {
  const was = await lock(transaction, id, expected);
  const { film, year, content, speaker } = input;
  if (was.film === film && was.year === year && was.content === content && was.speaker === speaker) return was;
  const { filmId, personId } = await place(transaction, words, input);
  await transaction.run(
    `UPDATE quotes SET film_id = ?, person_id = ?, content = ?, search = ?, version = version + 1, updated_at = ?
      WHERE id = ?`,
    [filmId, personId, content, searchText(input), Date.now(), id],
  );
  await removeUnused(transaction, was);
  const became = quoteOf(id, filmId, input, was.version + 1);
  await recordChange(transaction, { actor, action: 'replace', subject: 'quote', subjectId: id, was, became });
  return became;
}

export async function removeQuote(
  transaction: Transaction,
  id: number,
  actor: string,
  expected?: Expected,
): Promise<void> {
  const was = await lock(transaction, id, expected);
  await transaction.run('DELETE FROM quotes WHERE id = ?', [id]);
  await removeUnused(transaction, was);
  await recordChange(transaction, { actor, action: 'delete', subject: 'quote', subjectId: id, was, became: null });
}

function quoteOf(id: number, filmId: number, { film, year, content, speaker }: QuoteInput, version: number): Quote {
  return { id, film, filmId, year, content, speaker, version };
}

/** The quote, which nobody else changes until the transaction ends. */
async function lock(transaction: Transaction, id: number, expected: Expected | undefined): Promise<Quote> {
  await transaction.run('UPDATE quotes SET version = version WHERE id = ?', [id]);
  const quote = await findQuote(transaction, id);
  if (quote === undefined) throw new NotFound(`there is no quote ${id}`);
  if (expected !== undefined && ![expected].flat().includes(quote.version)) {
    throw new Refusal(412, `quote ${id} was changed: it has version ${quote.version} now`);
  }
  await transaction.run('UPDATE films SET year = year WHERE id = ?', [quote.filmId]);
  return quote;
}

/** The film and the person of a quote, made where they are missing. The film is locked. */
async function place(
  transaction: Transaction,
  words: Words,
  { film, year, speaker }: QuoteInput,
): Promise<{ filmId: number; personId: number }> {
  const filmId = await placeFilm(transaction, words, film, year);
  const [person] = await transaction.query<{ id: number }>('SELECT id FROM people WHERE film_id = ? AND name = ?', [
    filmId,
    speaker,
  ]);
  if (person !== undefined) return { filmId, personId: person.id };
  const { id } = await transaction.run('INSERT INTO people (film_id, name) VALUES (?, ?)', [filmId, speaker]);
  return { filmId, personId: id };
}

async function placeFilm(transaction: Transaction, words: Words, title: string, year: number): Promise<number> {
  // First, because an INSERT uses up an id in MariaDB even where the film is there.
  const { rows } = await transaction.run('UPDATE films SET year = year WHERE title = ? AND year = ?', [title, year]);
  if (rows === 0) {
    // Waits for who makes the same film now, and then locks theirs.
    const update = `${words.onConflictUpdate('title, year')} year = ${words.inserted('year')}`;
    await transaction.run(`INSERT INTO films (title, year) VALUES (?, ?) ${update}`, [title, year]);
  }
  const [film] = await transaction.query<{ id: number }>('SELECT id FROM films WHERE title = ? AND year = ?', [
    title,
    year,
  ]);
  return (film as { id: number }).id;
}

/** Removes the people of `was`'s film whom nobody quotes any more, and then the film where it has none. */
async function removeUnused(transaction: Transaction, { filmId }: Quote): Promise<void> {
  await transaction.run(
    `DELETE FROM people WHERE film_id = ? AND NOT EXISTS (SELECT 1 FROM quotes WHERE quotes.person_id = people.id)`,
    [filmId],
  );
  await transaction.run(
    `DELETE FROM films WHERE id = ? AND NOT EXISTS (SELECT 1 FROM quotes WHERE quotes.film_id = films.id)`,
    [filmId],
  );
}
