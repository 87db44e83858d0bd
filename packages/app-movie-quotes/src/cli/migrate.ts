// quotes migrate: which migrations the database has, bringing it up to date, and taking the latest one back.

import { existsSync } from 'node:fs';
import { migrate, migrationStates, undoMigration } from '../database/migrate.ts';
import { MIGRATIONS } from '../database/migrations/index.ts';
import { commandConfig, withAnyDatabase } from './command-database.ts';
import type { Terminal } from './terminal.ts';

export async function status(terminal: Terminal): Promise<void> {
  const config = commandConfig(terminal);
  // Looking makes no database.
  const states =
    config.kind === 'sqlite' && !existsSync(config.file)
      ? MIGRATIONS.map((Migration) => ({ name: new Migration().name, done: false }))
      : await withAnyDatabase(terminal, migrationStates, config);
  for (const { name, done } of states) terminal.stdout.write(`${done ? 'done   ' : 'missing'} ${name}\n`);
}

export async function up(terminal: Terminal): Promise<void> {
  const names = await withAnyDatabase(terminal, migrate);
  terminal.stdout.write(names.length === 0 ? 'nothing to do\n' : names.map((name) => `ran ${name}\n`).join(''));
}

export async function down(terminal: Terminal): Promise<void> {
  const name = await withAnyDatabase(terminal, undoMigration);
  terminal.stdout.write(name === undefined ? 'nothing to do\n' : `took back ${name}\n`);
}
