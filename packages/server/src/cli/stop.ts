// tsgi stop: ends the server, and waits until it is gone.

import { NoServer } from '../control/client.ts';
import type { AddCommand, Flags } from './command.ts';
import { findsServer, ProgressPrinter, withServer } from './server-command.ts';

const MORE = `
Requests in flight are finished, for --graceful-timeout of the server at most; a second tsgi stop --fast cuts
that short.

Exit status: 0 when the server is gone, 4 where no server answers.`;

interface StopFlags extends Flags {
  readonly fast?: boolean;
}

export const addStop: AddCommand = (program, end) => {
  const command = program
    .command('stop')
    .description('Stop the server, and wait until it is gone.')
    .option('--fast', 'Cuts what is in flight.');
  findsServer(command)
    .addHelpText('after', MORE)
    .action(async ({ fast, ...flags }: StopFlags) => end(await stop(fast === true, flags)));
};

function stop(fast: boolean, flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    const { name, pid } = await client.request('status', {});
    process.stdout.write(`stopping ${name}, process ${pid}\n`);
    try {
      await client.request('stop', { fast }, { onProgress: new ProgressPrinter().print, timeout: 0 });
      await client.closed();
    } catch (error) {
      // Ended by somebody else's signal, or by a start that failed at the same moment.
      if (!(error instanceof NoServer) || error.silence !== 'gone') throw error;
    }
    process.stdout.write('stopped\n');
    return 0;
  });
}
