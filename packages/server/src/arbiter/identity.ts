// Whom workers run as: names of users and groups as the numbers that the system calls take.

import { execFileSync } from 'node:child_process';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';

/** A user and a group. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** The user's name and home, for the environment; undefined for a number that is nobody's. */
  readonly name: string | undefined;
  readonly home: string | undefined;
}

/** Whom the settings `user` and `group` name; null where they name nobody. Throws a {@link SettingError}. */
export function identityOf({ user, group }: Pick<Settings, 'user' | 'group'>): Identity | null {
  if (user === null && group === null) return null;
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, name: undefined, home: undefined };
  const found = user === null ? own : lookUpUser(user, '--user');
  const identity = group === null ? found : { ...found, gid: lookUpGroup(group, '--group') };
  if (own.uid !== 0 && (identity.uid !== own.uid || identity.gid !== own.gid)) {
    throw new SettingError(
      `--user and --group name somebody else than user ${own.uid}, who runs this`,
      'start it as root, or leave them out',
    );
  }
  return identity;
}

/** The owner that `socketOwner` names, `user` or `user:group`; undefined where it names none. */
export function ownerOf(socketOwner: string | null): { uid: number; gid: number } | undefined {
  if (socketOwner === null) return undefined;
  const [user = '', group] = socketOwner.split(':');
  const { uid, gid } = lookUpUser(user, '--socket-owner');
  return { uid, gid: group === undefined ? gid : lookUpGroup(group, '--socket-owner') };
}

function lookUpUser(name: string, flag: string): Identity {
  const entry = getent('passwd', name);
  if (entry !== undefined) {
    const [login, , uid, gid, , home] = entry;
    return { uid: Number(uid), gid: Number(gid), name: login, home };
  }
  // A number that is in no database is a user all the same; containers run as such.
  if (/^\d+$/.test(name)) return { uid: Number(name), gid: Number(name), name: undefined, home: undefined };
  throw new SettingError(`${flag}: there is no user ${name}`, 'name one of getent passwd, or write a number');
}

function lookUpGroup(name: string, flag: string): number {
  const entry = getent('group', name);
  if (entry !== undefined) return Number(entry[2]);
  if (/^\d+$/.test(name)) return Number(name);
  throw new SettingError(`${flag}: there is no group ${name}`, 'name one of getent group, or write a number');
}

/** An entry of a database of the system, wherever it keeps them (nsswitch.conf(5)). */
function getent(database: 'passwd' | 'group', key: string): string[] | undefined {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('getent', [database, '--', key], { encoding: 'utf8', stdio: [...stdio] })
      .trim()
      .split(':');
  } catch {
    return undefined;
  }
}
