// tsgi reopen: opens the log files again, after logrotate has renamed them.

import type { AddCommand, Flags } from './command.ts';
import { findsServer, withServer } from './server-command.ts';

export const addReopen: AddCommand = (program, end) => {
  const command = program.command('reopen').description('Open the log files again, after they were renamed.');
  findsServer(command).action(async (flags: Flags) => end(await reopen(flags)));
};

function reopen(flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    await client.request('reopen', {});
    return 0;
  });
}
