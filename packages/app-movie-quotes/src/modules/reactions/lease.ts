// A job that one process over all machines does at a time, by a row that says who and until when.
//
// A process that was stopped for long may go on with the job after its time, beside the one that took over: what the job
// does must come to the same then. The lease saves work; it guards nothing.

import { randomUUID } from 'node:crypto';
import type { Database } from '../../database/database.ts';

/** Milliseconds that it is taken for. Renewed when half of it is over. */
const TERM = 10_000;
/** Milliseconds after which a process that did not get it asks again. */
const ASK_AGAIN = 1000;

export class Lease {
  readonly #database: Database;
  readonly #name: string;
  readonly #holder = randomUUID();
  #until = 0;
  #askAgainAt = 0;

  constructor(database: Database, name: string) {
    this.#database = database;
    this.#name = name;
  }

  /** Whether another process had it at the last look, a moment ago. */
  get elsewhere(): boolean {
    return performance.now() < this.#askAgainAt;
  }

  /** Takes or renews it; false where another process has it. */
  async hold(): Promise<boolean> {
    const now = Date.now();
    if (this.#until - now > TERM / 2) return true;
    const rows = await this.#database.query<{ holder: string; until: number }>(
      'SELECT holder, until FROM leases WHERE name = ?',
      [this.#name],
    );
    // A look first: who does not have it writes nothing.
    const [row] = rows;
    const held = row !== undefined && row.holder !== this.#holder && row.until > now && row.until < now + 2 * TERM;
    if (!held && (await this.#take(now))) {
      this.#until = now + TERM;
      return true;
    }
    this.#until = 0;
    this.#askAgainAt = performance.now() + ASK_AGAIN;
    return false;
  }

  #take(now: number): Promise<boolean> {
    return this.#database.transaction(async (transaction) => {
      const { words } = this.#database;
      await transaction.run(`${words.insertOrIgnore} leases (name, holder, until) VALUES (?, '', 0)`, [this.#name]);
      // Further ahead than anybody takes it: the clock was set back since.
      const { rows } = await transaction.run(
        'UPDATE leases SET holder = ?, until = ? WHERE name = ? AND (holder = ? OR until <= ? OR until >= ?)',
        [this.#holder, now + TERM, this.#name, this.#holder, now, now + 2 * TERM],
      );
      return rows > 0;
    });
  }

  /** Lets another process have it at once. */
  async release(): Promise<void> {
    if (this.#until === 0) return;
    this.#until = 0;
    await this.#database.transaction((transaction) =>
      transaction.run('UPDATE leases SET until = 0 WHERE name = ? AND holder = ?', [this.#name, this.#holder]),
    );
  }
}
