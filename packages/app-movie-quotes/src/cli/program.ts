// The command quotes: its commands, and what an error of one of them looks like to its operator. What a command does is
// loaded when it runs, for its memory: all of them together take 25 MB more than one.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DatabaseUnavailable } from '../database/database.ts';
import { Refusal } from '../modules/refusal.ts';
import { BadRows } from '../modules/transfer/bad-input.ts';
import { FORMATS } from '../modules/transfer/format.ts';
import type { Terminal } from './terminal.ts';

/** The program with all its commands; `end` gets the exit status of the one that runs, where that is not 0. */
export function createProgram(terminal: Terminal, end: (status: number) => void): Command {
  const program = new Command('quotes')
    .description(
      'Works on the catalogue of Movie Quotes, with the variables of the application: from the environment, then from .env.',
    )
    .helpOption('-h, --help', 'Prints this help.')
    .helpCommand('help [command]', 'Prints the help of a command.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: () => {},
    })
    .addHelpText(
      'after',
      '\nIt ends with status 1 for bad data, 2 for wrong use, 3 where the database cannot be used.',
    );
  const format = (description: string): Option => new Option('-f, --format <format>', description).choices(FORMATS);

  program
    .command('import')
    .description('Imports quotes from a file, or from standard input: all of them, or none where a row is wrong.')
    .argument('<file>', 'the file; - for standard input')
    .addOption(format("the file's format; default: by its name or its content"))
    .action(async (file, options) => (await import('./import.ts')).importFile(terminal, file, options.format));
  program
    .command('export')
    .description('Exports the catalogue to a file, or to standard output, as import takes it.')
    .argument('[file]', 'the file; it is replaced where it is there', '-')
    .addOption(format("default: by the file's name, else json"))
    .action(async (file, options) => (await import('./export.ts')).exportFile(terminal, file, options.format));
  program
    .command('seed')
    .description('Adds the quotes of the bundled catalogue that are missing.')
    .action(async () => (await import('./seed.ts')).seed(terminal));

  const migrate = program.command('migrate').description("Shows and changes the version of the database's tables.");
  migrate
    .command('status', { isDefault: true })
    .description('Lists the migrations, and which of them the database has.')
    .action(async () => (await import('./migrate.ts')).status(terminal));
  migrate
    .command('up')
    .description('Runs the migrations that are missing, as each start does.')
    .action(async () => (await import('./migrate.ts')).up(terminal));
  migrate
    .command('down')
    .description('Takes the latest migration back, and with it what is in its tables.')
    .option('--yes', 'what is in these tables may go')
    .action(async ({ yes }) => {
      if (yes !== true)
        throw new InvalidArgumentError('what is in the tables of the migration goes; say --yes to that');
      return (await import('./migrate.ts')).down(terminal);
    });

  const admin = program.command('admin').description('Makes administrators, and gives them new passwords.');
  const ASKED = 'The password is asked for, or is the first line of standard input.';
  admin
    .command('create')
    .description(`Makes an administrator. ${ASKED}`)
    .argument('<name>', 'the name to sign in with')
    .action(async (name) => (await import('./admin.ts')).create(terminal, name));
  admin
    .command('reset')
    .description(`Gives an administrator a new password; sessions and a lock-out end. ${ASKED}`)
    .argument('<name>', 'the name to sign in with')
    .action(async (name) => (await import('./admin.ts')).reset(terminal, name));

  program
    .command('backup')
    .description('Copies the databases to FOLDER/TIME, as they are at one moment, while the application runs.')
    .argument('<folder>', 'where the backups are; it is made where it is missing')
    .option('-k, --keep <count>', 'how many backups are kept, this one among them', countOf, 14)
    .action(async (folder, options) => (await import('./backup.ts')).backup(terminal, folder, options.keep));
  program
    .command('restore')
    .description('Brings a backup into the databases. The application is stopped meanwhile.')
    .argument('<backup>', 'the folder of the backup')
    .option('--force', 'replaces what is in the databases')
    .option('--check', 'says whether the backup is whole and of a version that can be restored, and does nothing else')
    .action(async (folder, options) => (await import('./backup.ts')).restore(terminal, folder, options));

  program
    .command('assets')
    .description('Copies the static files to a folder, from where Nginx serves them at /assets/: FOLDER/VERSION/NAME.')
    .argument('<folder>', 'the folder; it is made where it is missing')
    .option('-k, --keep <count>', 'how many versions are kept, this one among them', countOf, 5)
    .action(async (folder, options) => (await import('./assets.ts')).copyAssets(terminal, folder, options.keep));

  program
    .command('doctor')
    .description('Looks for what could keep the application from working, and says what to do. Changes nothing.')
    .option('--json', 'writes JSON')
    .action(async ({ json }) => end(await (await import('./doctor.ts')).doctor(terminal, json === true)));
  return program;
}

/** Runs one command line, and gives the exit status: 0 well, 1 bad data, 2 wrong use or settings, 3 no database. */
export async function main(argv: readonly string[], terminal: Terminal = process): Promise<number> {
  let status = 0;
  const program = createProgram(terminal, (ended) => {
    status = ended;
  });
  // Whoever read it has seen enough, as in `quotes export | head`.
  terminal.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await program.parseAsync(argv);
    return status;
  } catch (error) {
    return explain(error, terminal);
  }
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('it takes a number from 1 to 9999.');
  return Number(text);
}

/** One line for the operator, and the exit status. */
function explain(error: unknown, { stderr }: Terminal): number {
  const say = (status: number, what: string, todo: string): number => {
    stderr.write(`quotes: ${what}; ${todo}\n`);
    return status;
  };
  if (error instanceof CommanderError) {
    // --help ends a command line as well.
    if (error.exitCode === 0) return 0;
    // A command that needs one of its own, such as quotes migrate: its help has been written.
    if (error.code === 'commander.help') return 2;
    return say(2, error.message.replace(/^error: /, '').replaceAll('\n', ' '), 'see quotes --help');
  }
  if (error instanceof BadRows) {
    // A reason may repeat what is in the file, and that must not move a terminal's cursor.
    const lines = error.problems.map(({ line, reason }) => `line ${line}: ${reason.replace(/\p{Cc}/gu, '?')}\n`);
    const more = error.count - error.problems.length;
    stderr.write(lines.join('') + (more > 0 ? `and ${more} more\n` : ''));
    return say(1, `${error.message}, and nothing was changed`, 'correct what is listed above');
  }
  if (error instanceof DatabaseUnavailable) return say(3, error.message, 'try again, or see quotes doctor');
  if (error instanceof Refusal) return say(1, error.message, 'see quotes admin --help');
  const { message, todo, exit } = error as Error & { todo?: string; exit?: number };
  if (todo !== undefined) return say(exit ?? 1, message, todo);
  stderr.write(`quotes: ${(error as Error).stack ?? message}\n`);
  return 1;
}
