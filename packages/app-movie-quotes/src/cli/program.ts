// The command quotes: its commands, and what an error of one of them looks like to its operator.

import { Command, CommanderError } from 'commander';
import { DatabaseUnavailable } from '../database/database.ts';
import { Refusal } from '../modules/refusal.ts';
import { BadRows } from '../modules/transfer/import.ts';
import { addAdmin } from './admin.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export.ts';
import { addImport } from './import.ts';
import { addMigrate } from './migrate.ts';
import { addSeed } from './seed.ts';

/** The program with all its commands; `end` gets the exit status of the one that runs, where that is not 0. */
export function createProgram(end: (status: number) => void): Command {
  const program = new Command('quotes')
    .description(
      'Works on the catalogue of Movie Quotes, with the variables of the application: from the environment, then from .env.',
    )
    .helpOption('-h, --help', 'Prints this help.')
    .helpCommand('help [command]', 'Prints the help of a command.')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nIt ends with status 1 for bad data, 2 for wrong use, 3 where the database cannot be used.',
    );
  for (const add of [addImport, addExport, addSeed, addMigrate, addAdmin]) add(program);
  addDoctor(program, end);
  return program;
}

/** Runs one command line, and gives the exit status: 0 well, 1 bad data, 2 wrong use or settings, 3 no database. */
export async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = createProgram((ended) => {
    status = ended;
  });
  // Whoever read it has seen enough, as in `quotes export | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await program.parseAsync(argv);
    return status;
  } catch (error) {
    return explain(error);
  }
}

/** One line for the operator, and the exit status. */
function explain(error: unknown): number {
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
    process.stderr.write(lines.join('') + (more > 0 ? `and ${more} more\n` : ''));
    return say(1, `${error.message}, and nothing was changed`, 'correct what is listed above');
  }
  if (error instanceof DatabaseUnavailable) return say(3, error.message, 'try again, or see quotes doctor');
  if (error instanceof Refusal) return say(1, error.message, 'see quotes admin --help');
  const { message, todo, exit } = error as Error & { todo?: string; exit?: number };
  if (todo !== undefined) return say(exit ?? 1, message, todo);
  process.stderr.write(`quotes: ${(error as Error).stack ?? message}\n`);
  return 1;
}

function say(status: number, what: string, todo: string): number {
  process.stderr.write(`quotes: ${what}; ${todo}\n`);
  return status;
}
