// The audit log: who changed what, when, and what it was before. A row is written in the transaction of its change, so there
// is none without the other.

import type { Transaction } from '../../database/database.ts';
import type { Quote } from '../quotes/schemas.ts';

/** What was done. */
export type Action = 'create' | 'replace' | 'delete' | 'undo' | 'import';

/** A change of the catalogue. */
export interface Change {
  /** `api`, `admin:NAME`, `cli`. */
  readonly actor: string;
  readonly action: Action;
  readonly subject: 'quote';
  readonly subjectId: number;
  /** The row before; null where there was none. */
  readonly was: Quote | null;
  /** The row after; null where there is none. */
  readonly became: Quote | null;
}

/** Writes `change` down, in the transaction that makes it. */
export async function recordChange(transaction: Transaction, change: Change): Promise<void> {
  const { actor, action, subject, subjectId, was, became } = change;
  await transaction.run(
    `INSERT INTO audit (at, actor, action, subject, subject_id, was, became) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [Date.now(), actor, action, subject, subjectId, json(was), json(became)],
  );
}

function json(row: Quote | null): string | null {
  return row === null ? null : JSON.stringify(row);
}
