// tsgi reload: a new generation of workers, waited for.

import { ControlError } from '../control/protocol.ts';
import type { AddCommand, Flags } from './command.ts';
import { findsServer, leftover, ProgressPrinter, plural, withServer } from './server-command.ts';

const MORE = `
Settings and code are loaded anew, in a whole new generation of workers. When all of them have started, they take over
and the old ones finish their requests. Where one does not start, nothing has changed.

Exit status: 0 when the new generation serves, 1 when the old one serves on, 4 where no server answers.`;

export const addReload: AddCommand = (program, end) => {
  const command = program.command('reload').description('Replace all workers, by new settings and code.');
  findsServer(command)
    .addHelpText('after', MORE)
    .action(async (flags: Flags) => end(await reload(flags)));
};

function reload(flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    // Whoever does not answer this has no reload under way either.
    const { name, pid, generation } = await client.request('status', {});
    process.stdout.write(`reloading ${name}, process ${pid}; generation ${generation} serves\n`);
    const progress = new ProgressPrinter();
    try {
      const done = await client.request('reload', {}, { onProgress: progress.print, timeout: 0 });
      const workers = plural(done.accepting, 'worker');
      process.stdout.write(`generation ${done.generation} serves, ${workers}${leftover(done.draining)}\n`);
      return 0;
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      process.stderr.write(`tsgi: ${error.message}\n`);
      progress.printFailures();
      return 1;
    }
  });
}
