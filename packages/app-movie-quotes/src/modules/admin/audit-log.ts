// The audit log as it is read, and taking back what is in it.

import type { Database, Transaction, Words } from '../../database/database.ts';
import { refuseDuplicates, replaceQuote, restoreQuote } from '../quotes/changes.ts';
import type { Quote } from '../quotes/schemas.ts';
import { NotFound, Refusal } from '../refusal.ts';
import type { Action } from './audit.ts';

/** A row of the log. */
export interface AuditEntry {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly actor: string;
  readonly action: Action;
  readonly subjectId: number;
  readonly was: Quote | null;
  readonly became: Quote | null;
  /** The entry that took this one back. */
  readonly undoneBy: number | null;
}

export interface AuditPage {
  /** The newest first. */
  readonly entries: readonly AuditEntry[];
  readonly page: number;
  /** At least 1. */
  readonly pages: number;
}

export interface AuditLog {
  /** A numbered page, from 1; the last one where there are not so many. */
  page(page: number, size: number): Promise<AuditPage>;
  get(id: number): Promise<AuditEntry>;
  /**
   * Takes a deletion or a replacement back, and gives the quote as it is now. A quote comes back under its old id, and its
   * likes with it. Refused with 409 where that is not possible any more.
   */
  undo(id: number, actor: string): Promise<Quote>;
}

/** Whether there is something to take back. */
export function canUndo({ action, was, undoneBy }: AuditEntry): boolean {
  return (action === 'delete' || action === 'replace') && was !== null && undoneBy === null;
}

interface Row extends Omit<AuditEntry, 'was' | 'became'> {
  readonly was: string | null;
  readonly became: string | null;
}

const SELECT = `SELECT id, at, actor, action, subject_id AS subjectId, was, became, undone_by AS undoneBy FROM audit`;

export function createAuditLog(database: Database): AuditLog {
  return {
    async page(page, size) {
      const [counted] = await database.query<{ count: number }>('SELECT COUNT(*) AS count FROM audit');
      const pages = Math.max(Math.ceil(Number(counted?.count) / size), 1);
      const shown = Math.min(page, pages);
      const rows = await database.query<Row>(`${SELECT} ORDER BY id DESC LIMIT ? OFFSET ?`, [size, (shown - 1) * size]);
      return { entries: rows.map(entryOf), page: shown, pages };
    },
    get: (id) => find(database, id),
    undo: (id, actor) =>
      refuseDuplicates(database.transaction((transaction) => undo(transaction, database.words, id, actor))),
  };
}

async function undo(transaction: Transaction, words: Words, id: number, actor: string): Promise<Quote> {
  // Whoever comes second waits here, and then finds that it is done.
  const { rows } = await transaction.run('UPDATE audit SET undone_by = 0 WHERE id = ? AND undone_by IS NULL', [id]);
  const { action, was, became } = await find(transaction, id);
  if (rows === 0) throw new Refusal(409, 'it was undone already');
  let quote: Quote;
  if (action === 'delete' && was !== null) {
    quote = await restoreQuote(transaction, words, was, actor);
  } else if (action === 'replace' && was !== null && became !== null) {
    const { film, year, content, speaker } = was;
    quote = await replaceQuote(transaction, words, was.id, { film, year, content, speaker }, actor, became.version);
  } else {
    throw new Refusal(409, 'only a deletion or a replacement can be undone');
  }
  // The newest of this quote, which nobody else changes until this is committed.
  const [newest] = await transaction.query<{ id: number }>(
    `SELECT MAX(id) AS id FROM audit WHERE subject = 'quote' AND subject_id = ?`,
    [quote.id],
  );
  await transaction.run('UPDATE audit SET undone_by = ? WHERE id = ?', [newest?.id ?? 0, id]);
  return quote;
}

async function find(database: Pick<Transaction, 'query'>, id: number): Promise<AuditEntry> {
  const [row] = await database.query<Row>(`${SELECT} WHERE id = ?`, [id]);
  if (row === undefined) throw new NotFound(`there is no entry ${id} in the log`);
  return entryOf(row);
}

function entryOf(row: Row): AuditEntry {
  return { ...row, at: Number(row.at), was: parse(row.was), became: parse(row.became) };
}

function parse(json: string | null): Quote | null {
  return json === null ? null : JSON.parse(json);
}
