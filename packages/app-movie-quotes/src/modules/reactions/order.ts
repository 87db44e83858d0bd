// The order of reactions over all processes, and the name of this SQL database as their origin.
//
// Both tables that readers follow by their ids, the outbox and the events, need ids that become visible in their order.
// SQLite has one writer at a time. On MariaDB an id is given when a row is inserted, and a transaction that was given the
// smaller one may commit later: a reader would have gone past it for good. So each transaction that writes reactions
// first locks one row, and the next one is given its ids after the commit. It is short, and a process writes all
// reactions that have come meanwhile in its next one (see recorder.ts).

import type { Database, Transaction } from '../../database/database.ts';

/** Waits for the turn of this transaction, which lasts until it ends. */
export async function takeTurn(database: Database, transaction: Transaction): Promise<void> {
  if (database.kind === 'mariadb') await transaction.query('SELECT id FROM reaction_origin WHERE id = 1 FOR UPDATE');
}

/**
 * The random name that this database was given when it was made. Numbers of reactions mean something beside it alone: a
 * database that is made anew counts from 1 again, and an old MongoDB has seen those numbers.
 */
export async function originOf(database: Database): Promise<string> {
  const rows = await database.query<{ name: string }>('SELECT name FROM reaction_origin WHERE id = 1');
  if (rows[0] === undefined) throw new Error('the table reaction_origin is empty');
  return rows[0].name;
}
