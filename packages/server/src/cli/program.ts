// The command tsgi: its commands, and what an error of one of them looks like to its operator.

import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { addCheck } from './check.ts';
import type { AddCommand } from './command.ts';
import { addCompletion } from './completion.ts';
import { addConfig } from './config.ts';
import { addGenerate } from './generate.ts';
import { addReload } from './reload.ts';
import { addReopen } from './reopen.ts';
import { addRequest } from './request.ts';
import { addScale } from './scale.ts';
import { addServe } from './serve.ts';
import { addStatus } from './status.ts';
import { addStop } from './stop.ts';
import { addTop } from './top.ts';
import { addWorkers } from './workers.ts';

/** In the groups and the order of --help. */
const COMMANDS: Readonly<Record<string, readonly AddCommand[]>> = {
  'To serve:': [addServe],
  'For a server that runs:': [addStatus, addTop, addReload, addScale, addWorkers, addReopen, addStop],
  'Without a server:': [addCheck, addRequest, addConfig, addGenerate, addCompletion],
};

/** The program with all its commands; `end` gets the exit status of the one that runs, where that is not 0. */
export function createProgram(end: (status: number) => void): Command {
  const program = new Command('tsgi')
    .description('Serves a gateway, Fastify, Express, Koa or fetch application.')
    .version(version, '-V, --version', 'Prints the version.')
    .helpOption('-h, --help', 'Prints this help.')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const [group, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(group);
    for (const add of commands) add(program, end);
  }
  return program.helpCommand('help [command]', 'Print the help of a command.');
}

/** Runs one command line. Resolves to the exit status: 0 well, 1 unexpected, 2 wrong settings or binds, 3 no application, 4 no server. */
export async function main(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = createProgram((ended) => {
    status = ended;
  });
  // Whoever read it has seen enough, as in `tsgi config | head`.
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
    // --help and --version end a command line as well.
    if (error.exitCode === 0) return 0;
    // A command that needs one of its own, such as tsgi generate: its help has been written.
    if (error.code === 'commander.help') return 2;
    process.stderr.write(`tsgi: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; see tsgi --help\n`);
    return 2;
  }
  const { message, todo, exit } = error as Error & { todo?: string; exit?: number };
  if (todo === undefined) {
    process.stderr.write(`tsgi: ${(error as Error).stack ?? message}\n`);
    return 1;
  }
  process.stderr.write(`tsgi: ${message}; ${todo}\n`);
  return exit || 1;
}
