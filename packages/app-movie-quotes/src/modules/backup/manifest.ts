// What a backup says about itself: manifest.json, and SHA256SUMS over all of its files, which `sha256sum --check` reads too.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MIGRATIONS } from '../../database/migrations/index.ts';
import { BackupFailure } from './failure.ts';

/** Rows by table, or documents by collection. */
export type Counts = Readonly<Record<string, number>>;

/** What a copy of the catalogue's database has. */
export interface Copied {
  readonly rows: Counts;
  /** Those that the database had, oldest first. */
  readonly migrations: readonly string[];
}

export interface Manifest {
  readonly format: 1;
  /** When it was begun. All that was committed before is in it. */
  readonly at: string;
  /** The release that wrote it. */
  readonly version: string;
  readonly database: Copied & { readonly kind: 'sqlite' | 'mariadb' };
  /** Null where the reactions are in the catalogue's database. */
  readonly mongodb: Counts | null;
}

const MANIFEST = 'manifest.json';
const SUMS = 'SHA256SUMS';

/** Writes both, over the files that are there. They are read for it, as they came to the disk. */
export async function seal(folder: string, manifest: Manifest): Promise<void> {
  const options = { mode: 0o600, flush: true } as const;
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, options);
  const lines: string[] = [];
  for (const name of await filesIn(folder)) lines.push(`${await sumOf(join(folder, name))}  ${name}\n`);
  await writeFile(join(folder, SUMS), lines.join(''), options);
}

/** The manifest of a backup that is whole, undamaged, and of this version or an older one. */
export async function openBackup(folder: string): Promise<Manifest> {
  const sums = await readFile(join(folder, SUMS), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new BackupFailure(`"${folder}" is no backup (${SUMS}: ${cause.code})`, 'name the folder of one', { cause });
  });
  const damaged = (what: string, cause?: unknown) =>
    new BackupFailure(`the backup "${folder}" is damaged (${what})`, 'take another one; nothing was changed', {
      cause,
    });
  const expected = new Map<string, string>();
  for (const line of sums.split('\n').slice(0, -1)) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}([\w./-]+)$/.exec(line) ?? [];
    if (sum === undefined || name === undefined) throw damaged(`${SUMS} has a line that is none`);
    expected.set(name, sum);
  }
  for (const [name, sum] of expected) {
    const found = await sumOf(join(folder, name)).catch((cause: NodeJS.ErrnoException) => {
      throw damaged(`${name}: ${cause.code}`, cause);
    });
    if (found !== sum) throw damaged(`${name} is not what was written`);
  }
  if (!expected.has(MANIFEST)) throw damaged(`${SUMS} does not name ${MANIFEST}`);
  const manifest = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')) as Manifest;
  refuseNewer(folder, manifest);
  return manifest;
}

function refuseNewer(folder: string, { format, version, database }: Manifest): void {
  const known = new Set(MIGRATIONS.map((Migration) => new Migration().name));
  const unknown = database.migrations.find((name) => !known.has(name));
  if (format === 1 && unknown === undefined) return;
  const what = unknown === undefined ? `format ${format}` : `it has the migration ${unknown}`;
  throw new BackupFailure(
    `the backup "${folder}" was written by a newer version of Movie Quotes, ${version} (${what})`,
    'restore it by that version or a later one; nothing was changed',
  );
}

/** Names of all files but the sums, which name them. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((name) => name !== SUMS)
    .sort();
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
