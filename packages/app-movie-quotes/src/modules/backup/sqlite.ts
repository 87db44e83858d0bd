// SQLite: a copy by the database itself, of what was committed when it began. Nobody waits for it, and it is one file that
// any SQLite opens. (A copy of the file alone would be torn: the last commits are in the log beside it.)

import { chmod } from 'node:fs/promises';
import Sqlite from 'libsql';
import type { Database } from '../../database/database.ts';
import { MIGRATIONS_TABLE } from '../../database/migrations/index.ts';
import { BackupFailure, explainFile } from './failure.ts';
import type { Copied, Counts } from './manifest.ts';

/** Copies to `file`, and counts the rows of the copy. */
export async function copySqlite(database: Database, file: string, folder: string): Promise<Copied> {
  try {
    await database.query('VACUUM INTO ?', [file]);
  } catch (error) {
    // The port tells what the disk of the database would be; what is written is another file.
    const { code = '' } = ((error as Error).cause ?? error) as { code?: string };
    if (code === 'SQLITE_FULL') throw explainFile({ code }, folder);
    if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') throw damaged(database, code, error);
    throw error;
  }
  await chmod(file, 0o600);
  const copy = new Sqlite(file, { readonly: true });
  try {
    const [found] = copy.pragma('integrity_check(1)') as { integrity_check: string }[];
    if (found?.integrity_check !== 'ok') throw damaged(database, String(found?.integrity_check));
    const [orphan] = copy.pragma('foreign_key_check') as { table: string }[];
    if (orphan !== undefined) throw damaged(database, `a row of ${orphan.table} refers to one that is missing`);
    const migrations = copy.prepare(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`).all() as { name: string }[];
    return { rows: countRows(copy), migrations: migrations.map(({ name }) => name) };
  } finally {
    copy.close();
  }
}

function countRows(connection: Sqlite.Database): Counts {
  const tables = connection
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name",
    )
    .all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => {
      const { count } = connection.prepare(`SELECT COUNT(*) AS count FROM "${name}"`).get() as { count: number };
      return [name, count];
    }),
  );
}

function damaged({ place }: Database, what: string, cause?: unknown): BackupFailure {
  return new BackupFailure(
    `the database "${place}" is damaged (${what})`,
    'see quotes doctor; restore an older backup',
    {
      cause,
    },
  );
}
