// Who administers: signing in and out, and which session is whose. What a session is made of travels in an encrypted cookie;
// what ends it is in the database. So any worker knows any session, and none survives its end in a copied cookie.

import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../database/database.ts';
import { requestLog } from '../../middleware/request-scope.ts';
import { LATER, nameOf } from './accounts.ts';
import { countAttempt, takeBack } from './attempts.ts';
import { isPassword } from './passwords.ts';

/** A session, as its cookie holds it. */
export interface Session {
  readonly id: string;
  readonly admin: number;
  /** The administrator's `sessions_since` when it began. */
  readonly since: number;
  /** When it began, in milliseconds. */
  readonly began: number;
  /** When it was last used, to the minute. */
  readonly used: number;
}

export interface Admin {
  readonly id: number;
  readonly name: string;
}

export type SignedIn =
  | { readonly outcome: 'ok'; readonly session: Session; readonly admin: Admin }
  /** The name or the password is wrong; which one, nobody is told. */
  | { readonly outcome: 'failed' }
  /** Too many failures: the next attempt may be made in so many seconds. */
  | { readonly outcome: 'locked'; readonly seconds: number };

export interface AdminService {
  signIn(name: string, password: string, client: string): Promise<SignedIn>;
  /** Whose session it is; `undefined` where it has ended. */
  adminOf(session: Session): Promise<Admin | undefined>;
  /** Ends this session. */
  signOut(session: Session): Promise<void>;
  /** Ends all sessions of the administrator. */
  signOutEverywhere(admin: Admin): Promise<void>;
}

/** A session that was not used for so long has ended. */
const IDLE = 60 * 60_000;
/** And so has one this old, used or not. */
const LONGEST = 12 * 60 * 60_000;
/** How far a clock of another machine may be ahead. */
const SKEW = 60_000;

/** `session` as used now; the same one where it was so a minute ago. */
export function renewed(session: Session): Session {
  const now = Date.now();
  return now - session.used < 60_000 ? session : { ...session, used: now };
}

function isTimely({ began, used }: Session): boolean {
  const now = Date.now();
  return now - used < IDLE && now - began < LONGEST && began <= used && used < now + SKEW;
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly hash: string;
  readonly since: number;
}

export function createAdminService(database: Database, log: FastifyBaseLogger): AdminService {
  return {
    async signIn(typed, password, client) {
      const name = nameOf(typed);
      const wait = await countAttempt(database, { name: name ?? typed, client });
      const [row] =
        name === undefined
          ? []
          : await database.query<Row>(
              'SELECT id, name, password_hash AS hash, sessions_since AS since FROM admins WHERE name = ?',
              [name],
            );
      // A name that nobody has may be a password in the wrong field: it is not written down.
      const who = { admin: row?.name ?? '(no such name)', client };
      if (wait > 0) {
        const seconds = Math.ceil(wait / 1000);
        requestLog(log).warn({ ...who, seconds }, `sign-in refused: locked for ${seconds} s more`);
        return { outcome: 'locked', seconds };
      }
      if (!(await isPassword(password, row?.hash)) || row === undefined) {
        requestLog(log).warn(who, 'sign-in failed');
        return { outcome: 'failed' };
      }
      await database.transaction((transaction) => takeBack(transaction, { name: row.name, client }));
      requestLog(log).info(who, `${row.name} signed in`);
      const now = Date.now();
      const session = { id: randomUUID(), admin: row.id, since: Number(row.since), began: now, used: now };
      return { outcome: 'ok', session, admin: { id: row.id, name: row.name } };
    },

    async adminOf(session) {
      if (!isTimely(session)) return undefined;
      const [row] = await database.query<Admin & { since: number }>(
        `SELECT id, name, sessions_since AS since FROM admins
          WHERE id = ? AND NOT EXISTS (SELECT 1 FROM ended_sessions WHERE ended_sessions.id = ?)`,
        [session.admin, session.id],
      );
      return row === undefined || Number(row.since) !== session.since ? undefined : { id: row.id, name: row.name };
    },

    async signOut({ id, began }) {
      const now = Date.now();
      await database.transaction(async (transaction) => {
        await transaction.run('DELETE FROM ended_sessions WHERE until < ?', [now]);
        await transaction.run(`${database.words.insertOrIgnore} ended_sessions (id, until) VALUES (?, ?)`, [
          id,
          began + LONGEST + SKEW,
        ]);
      });
    },

    async signOutEverywhere({ id, name }) {
      const now = Date.now();
      await database.transaction((transaction) =>
        transaction.run(`UPDATE admins SET sessions_since = ${LATER} WHERE id = ?`, [now, now, id]),
      );
      requestLog(log).info({ admin: name }, `${name} signed out everywhere`);
    },
  };
}
