// The accounts of administrators. They are made on the command line alone: nobody can sign up.

import { ConstraintViolated, type Database } from '../../database/database.ts';
import { Refusal, wrongField } from '../refusal.ts';
import { forgetName } from './attempts.ts';
import { hashPassword, weakness } from './passwords.ts';

const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

/** A name as it is kept: small letters. `undefined` where nobody can have it. */
export function nameOf(typed: string): string | undefined {
  const name = typed.trim().toLowerCase();
  return NAME.test(name) ? name : undefined;
}

/** Makes an administrator, and gives the name as it is kept. Refused with what is wrong. */
export async function createAdmin(database: Database, name: string, password: string): Promise<string> {
  const account = checked(name, password);
  const hash = await hashPassword(password);
  try {
    await database.transaction((transaction) =>
      transaction.run('INSERT INTO admins (name, password_hash, sessions_since) VALUES (?, ?, ?)', [
        account,
        hash,
        Date.now(),
      ]),
    );
  } catch (error) {
    if (!(error instanceof ConstraintViolated)) throw error;
    throw new Refusal(409, `there is an administrator ${account} already`);
  }
  return account;
}

/** Gives an administrator a new password, and ends the sessions and the lock-out. Refused with what is wrong. */
export async function resetAdmin(database: Database, name: string, password: string): Promise<string> {
  const account = checked(name, password);
  const hash = await hashPassword(password);
  await database.transaction(async (transaction) => {
    const { rows } = await transaction.run(
      `UPDATE admins SET password_hash = ?, sessions_since = ${LATER} WHERE name = ?`,
      [hash, Date.now(), Date.now(), account],
    );
    if (rows === 0) throw new Refusal(404, `there is no administrator ${account}`);
    await forgetName(transaction, account);
  });
  return account;
}

/** Another `sessions_since` in any case, whatever the clocks of several machines say. Takes the time twice. */
export const LATER = 'CASE WHEN sessions_since >= ? THEN sessions_since + 1 ELSE ? END';

function checked(name: string, password: string): string {
  const account = nameOf(name);
  if (account === undefined) {
    throw wrongField('body', 'name', 'takes up to 64 letters, digits, dots, hyphens, underscores and @');
  }
  const weak = weakness(password, account);
  if (weak !== null) throw wrongField('body', 'password', weak);
  return account;
}
