// tsgi workers kill: ends one worker the hard way; another takes its place.

import type { AddCommand, Flags } from './command.ts';
import { readCount } from './scale.ts';
import { findsServer, withServer } from './server-command.ts';

export const addWorkers: AddCommand = (program, end) => {
  const workers = program.command('workers').description('Act on single workers.');
  const kill = workers
    .command('kill')
    .description('Kill a worker; its requests in flight are lost, and another takes its place.')
    .argument('<worker>', 'Its number, as tsgi status shows it.');
  findsServer(kill).action(async (text: string, flags: Flags) => {
    end(await killWorker(readCount(text, 'the number of the worker'), flags));
  });
};

function killWorker(worker: number, flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    const { pid } = await client.request('kill', { worker });
    process.stdout.write(`worker ${worker}, process ${pid}, is killed; another takes its place\n`);
    return 0;
  });
}
