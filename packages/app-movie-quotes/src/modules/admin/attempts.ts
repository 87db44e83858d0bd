// Attempts to sign in, counted in the database, so that a lock-out holds over all workers and containers: by the name that
// is tried, and by the address of the client, who may try many names.
//
// An attempt counts as a failure before its password is looked at, and is taken back where that was right: of any number of
// attempts at the same time no more are made than of those one after the other.

import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Database, Transaction } from '../../database/database.ts';

const MINUTE = 60_000;
/** Failures are forgotten when there was none for so long. */
const MEMORY = 60 * MINUTE;
const SHORTEST = MINUTE;
const LONGEST = 15 * MINUTE;
/** Failures before the first lock-out. An address may be a whole company's. */
const TRIES = { name: 5, client: 20 } as const;

type Kind = keyof typeof TRIES;

/** An attempt that may be made. */
export interface Attempt {
  readonly name: string;
  readonly client: string;
}

/**
 * Counts an attempt. Gives the milliseconds until the next one may be made; 0 where this one may.
 * A name that nobody has is locked like any other.
 */
export function countAttempt(database: Database, attempt: Attempt): Promise<number> {
  return database.transaction(async (transaction) => {
    const now = Date.now();
    // One order for all, or two attempts would wait for each other. The first statement locks the row.
    const keys = kinds.map((kind) => ({ kind, id: keyOf(kind, attempt[kind]) }));
    const counted: { kind: Kind; id: string; count: number }[] = [];
    for (const { kind, id } of keys) counted.push({ kind, id, count: await increment(transaction, database, id, now) });
    // Names that nobody tries again leave no rows behind.
    if (counted.some(({ count }) => count === 1)) {
      await transaction.run('DELETE FROM limits WHERE resets_at <= ?', [now]);
    }
    const locks = await transaction.query<{ until: number }>(
      'SELECT resets_at AS until FROM limits WHERE id IN (?, ?) AND resets_at > ?',
      [...keys.map(({ id }) => lockOf(id)), now],
    );
    const until = Math.max(0, ...locks.map(({ until }) => Number(until)));
    if (until > 0) {
      // Nothing was tried, so nothing failed: who only waits too little is not locked out for longer.
      for (const { id } of keys) await decrement(transaction, id);
      return until - now;
    }
    for (const { kind, id, count } of counted) {
      const over = count - TRIES[kind];
      if (over < 0) continue;
      const lock = Math.min(SHORTEST * 2 ** Math.min(over, 10), LONGEST);
      await put(transaction, database, lockOf(id), 1, now + lock);
    }
    return 0;
  });
}

/** The password was right: the name's failures are forgotten, and this attempt was none of the client's. */
export async function takeBack(transaction: Transaction, attempt: Attempt): Promise<void> {
  await forgetName(transaction, attempt.name);
  const id = keyOf('client', attempt.client);
  await decrement(transaction, id);
  // Its lock, where it was this attempt that began it.
  if ((await countOf(transaction, id)) < TRIES.client) {
    await transaction.run('DELETE FROM limits WHERE id = ?', [lockOf(id)]);
  }
}

/** Ends the lock-out of a name. */
export async function forgetName(transaction: Transaction, name: string): Promise<void> {
  const id = keyOf('name', name);
  await transaction.run('DELETE FROM limits WHERE id IN (?, ?)', [id, lockOf(id)]);
}

const kinds: readonly Kind[] = ['client', 'name'];

/** Hashed: people type passwords into the field of the name. */
function keyOf(kind: Kind, value: string): string {
  const counted = kind === 'client' ? network(value) : value;
  return `sign-in:${kind}:${createHash('sha256').update(counted).digest('base64url')}`;
}

function lockOf(id: string): string {
  return `${id}:lock`;
}

/** Whoever has an IPv6 address has the other 2^64 of its network as well. */
function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%', 1)[0] as string).split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':');
    groups.push(...Array<string>(Math.max(8 - groups.length - behind.length, 0)).fill('0'), ...behind);
  }
  // ::ffff:192.0.2.1 is one of IPv4.
  if (address.includes('.')) return groups.at(-1) as string;
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

async function increment(transaction: Transaction, database: Database, id: string, now: number): Promise<number> {
  const { words } = database;
  // In MariaDB the assignments run from left to right: `count` looks at `resets_at` before it is changed.
  await transaction.run(
    `INSERT INTO limits (id, count, resets_at) VALUES (?, 1, ?)
      ${words.onConflictUpdate('id')} count = CASE WHEN resets_at > ? THEN count + 1 ELSE 1 END,
        resets_at = ${words.inserted('resets_at')}`,
    [id, now + MEMORY, now],
  );
  return countOf(transaction, id);
}

async function countOf(transaction: Transaction, id: string): Promise<number> {
  const [row] = await transaction.query<{ count: number }>('SELECT count FROM limits WHERE id = ?', [id]);
  return Number(row?.count ?? 0);
}

async function decrement(transaction: Transaction, id: string): Promise<void> {
  await transaction.run('UPDATE limits SET count = count - 1 WHERE id = ? AND count > 0', [id]);
}

async function put(transaction: Transaction, database: Database, id: string, count: number, until: number) {
  const { words } = database;
  await transaction.run(
    `INSERT INTO limits (id, count, resets_at) VALUES (?, ?, ?)
      ${words.onConflictUpdate('id')} count = ${words.inserted('count')}, resets_at = ${words.inserted('resets_at')}`,
    [id, count, until],
  );
}
