// tsgi status: what a server and its workers do at this moment.

import type { AddCommand, Flags } from './command.ts';
import { findsServer, withServer } from './server-command.ts';
import * as column from './worker-table.ts';

const SHOWN: readonly column.WorkerColumn[] = [
  column.WORKER,
  column.PID,
  column.GENERATION,
  column.STATE,
  column.AGE,
  column.RESTARTS,
  column.REQUESTS,
  column.IN_FLIGHT,
  column.CONNECTIONS,
  column.LOOP,
  column.MEMORY,
];

interface StatusFlags extends Flags {
  readonly json?: boolean;
}

export const addStatus: AddCommand = (program, end) => {
  const command = program
    .command('status')
    .description('Show what a server and its workers do.')
    .option('--json', 'As JSON.');
  findsServer(command)
    .addHelpText('after', '\nExit status: 0 where a server answers, in whatever state it is; 4 where none does.')
    .action(async ({ json, ...flags }: StatusFlags) => end(await show(json === true, flags)));
};

function show(json: boolean, flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    const status = await client.request('status', {});
    const lines = json
      ? [JSON.stringify(status, null, 2)]
      : [...column.headOf(status), '', ...column.workerTable(status, SHOWN)];
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  });
}
