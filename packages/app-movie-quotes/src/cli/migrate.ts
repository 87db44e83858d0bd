// quotes migrate: which migrations the database has, bringing it up to date, and taking the latest one back.

import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { migrate, migrationStates, undoMigration } from '../database/migrate.ts';
import { MIGRATIONS } from '../database/migrations/index.ts';
import { commandConfig, withAnyDatabase } from './command-database.ts';

export function addMigrate(program: Command): void {
  const command = program.command('migrate').description("Shows and changes the version of the database's tables.");
  command
    .command('status', { isDefault: true })
    .description('Lists the migrations, and which of them the database has.')
    .action(status);
  command.command('up').description('Runs the migrations that are missing, as each start does.').action(up);
  command
    .command('down')
    .description('Takes the latest migration back, and with it what is in its tables.')
    .option('--yes', 'that what is in these tables is lost')
    .action(down);
}

async function status(): Promise<void> {
  const config = commandConfig();
  // Looking makes no database.
  const states =
    config.kind === 'sqlite' && !existsSync(config.file)
      ? MIGRATIONS.map((Migration) => ({ name: new Migration().name, done: false }))
      : await withAnyDatabase(migrationStates, config);
  for (const { name, done } of states) process.stdout.write(`${done ? 'done   ' : 'missing'} ${name}\n`);
}

async function up(): Promise<void> {
  const names = await withAnyDatabase(migrate);
  process.stdout.write(names.length === 0 ? 'nothing to do\n' : names.map((name) => `ran ${name}\n`).join(''));
}

async function down({ yes = false }: { yes?: boolean }): Promise<void> {
  if (!yes) throw new InvalidArgumentError('what is in the tables of the migration is lost; say --yes to that');
  const name = await withAnyDatabase(undoMigration);
  process.stdout.write(name === undefined ? 'nothing to do\n' : `took back ${name}\n`);
}
