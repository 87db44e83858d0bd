// quotes migrate: which migrations the database has, bringing it up to date, and taking the latest one back.

import { existsSync } from 'node:fs';
import { migrate, migrationStates, undoMigration } from '../database/migrate.ts';
import { MIGRATIONS } from '../database/migrations/index.ts';
import { commandConfig, withAnyDatabase } from './command-database.ts';

export async function status(): Promise<void> {
  const config = commandConfig();
  // Looking makes no database.
  const states =
    config.kind === 'sqlite' && !existsSync(config.file)
      ? MIGRATIONS.map((Migration) => ({ name: new Migration().name, done: false }))
      : await withAnyDatabase(migrationStates, config);
  for (const { name, done } of states) process.stdout.write(`${done ? 'done   ' : 'missing'} ${name}\n`);
}

export async function up(): Promise<void> {
  const names = await withAnyDatabase(migrate);
  process.stdout.write(names.length === 0 ? 'nothing to do\n' : names.map((name) => `ran ${name}\n`).join(''));
}

export async function down(): Promise<void> {
  const name = await withAnyDatabase(undoMigration);
  process.stdout.write(name === undefined ? 'nothing to do\n' : `took back ${name}\n`);
}
