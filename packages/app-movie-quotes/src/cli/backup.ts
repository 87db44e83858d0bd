// quotes backup and quotes restore: copies of the databases that the variables name, and their way back.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { makeBackup } from '../modules/backup/backup.ts';
import { BackupFailure } from '../modules/backup/failure.ts';
import { type Counts, type Manifest, openBackup } from '../modules/backup/manifest.ts';
import { restoreBackup } from '../modules/backup/restore.ts';
import { commandConfig, logTo, withAnyDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

export async function backup(terminal: Terminal, folder: string, keep: number): Promise<void> {
  const config = commandConfig(terminal);
  const { mongodb } = loadConfig(terminal.env, terminal.cwd());
  // Looking makes no database.
  if (config.kind === 'sqlite' && !existsSync(config.file)) {
    throw new BackupFailure(
      `there is no database "${config.file}"`,
      'see that the variables are those of the application',
    );
  }
  const to = resolve(terminal.cwd(), folder);
  const { path, manifest } = await withAnyDatabase(
    terminal,
    (database) => makeBackup({ database, config, mongodb }, to, keep),
    config,
  );
  terminal.stdout.write(`${path}: ${contentOf(manifest)}\n`);
}

export async function restore(
  terminal: Terminal,
  folder: string,
  { force = false, check = false }: { force?: boolean; check?: boolean },
): Promise<void> {
  const from = resolve(terminal.cwd(), folder);
  if (check) {
    terminal.stdout.write(`${from}: ${contentOf(await openBackup(from))}\n`);
    return;
  }
  const config = { ...loadConfig(terminal.env, terminal.cwd()), database: commandConfig(terminal) };
  const manifest = await restoreBackup(from, config, force, logTo(terminal));
  terminal.stdout.write(`restored ${from}: ${contentOf(manifest)}\n`);
}

function contentOf({ version, database, mongodb }: Manifest): string {
  const sum = (counts: Counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const documents = mongodb === null ? '' : ` and ${sum(mongodb)} documents of MongoDB`;
  const { quotes = 0 } = database.rows;
  return `${quotes} quotes, ${sum(database.rows)} rows${documents}, by version ${version}`;
}
