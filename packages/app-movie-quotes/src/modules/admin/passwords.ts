// Passwords of administrators: what is asked of one, and Argon2id in threads, so that hashing holds up no request.

import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { Refusal } from '../refusal.ts';

// More than OWASP's least (19 MiB, 2 passes, 1 thread; Argon2id is the library's default): about 30 ms of a processor.
const COST = { memoryCost: 32 * 1024, timeCost: 3, parallelism: 1 };

// Half of libuv's four threads: files and host names are never behind passwords.
const turn = pLimit(2);
/** Passwords that wait for their turn, at most: about a quarter of a second of work. */
const WAITING = 16;

const LEAST = 12;
const MOST = 200;

/** What is wrong with a password that somebody chose for `name`; null where nothing is. */
export function weakness(password: string, name: string): string | null {
  const length = [...password].length;
  if (length < LEAST) return `must have at least ${LEAST} characters, not ${length}`;
  if (length > MOST) return `must have at most ${MOST} characters, not ${length}`;
  if (new Set(password).size < 5) return 'must have at least 5 different characters';
  if (name.length > 2 && password.toLowerCase().includes(name.toLowerCase())) return 'must not contain the name';
  return null;
}

/** The hash to keep, in the PHC format: it has its own salt and cost in it. */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(normalise(password), COST));
}

/**
 * Whether `password` is the one of `kept`. Where there is no hash the work is the same, so that how long it takes does not
 * tell which names there are.
 */
export async function isPassword(password: string, kept: string | undefined): Promise<boolean> {
  // Longer than any that can be chosen: not worth the work, whatever the name.
  if (password.length > 2 * MOST) return false;
  const known = kept ?? (await nobodys());
  const right = await inTurn(() => verify(known, normalise(password)));
  return right && kept !== undefined;
}

/** More passwords than there is time for; answered with 503. */
class TooManyPasswords extends Refusal {
  readonly retryAfter = 2;

  constructor() {
    super(503, 'too many people sign in at this moment');
  }
}

let nobody: Promise<string> | undefined;
/** The hash of a password that nobody has. */
function nobodys(): Promise<string> {
  nobody ??= hash(randomBytes(32), COST);
  return nobody;
}

function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (turn.pendingCount >= WAITING) throw new TooManyPasswords();
  return turn(work);
}

/** Keyboards differ in how they compose an accented letter (NIST SP 800-63B section 3.1.1.2). */
function normalise(password: string): string {
  return password.normalize('NFKC');
}
