// tsgi scale: more workers, or fewer.

import { ControlError } from '../control/protocol.ts';
import { readValue } from '../settings/read-value.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { AddCommand, Flags } from './command.ts';
import { findsServer, leftover, ProgressPrinter, plural, withServer } from './server-command.ts';

const MORE = `
It holds until the server stops or the setting workers is changed: a reload keeps it.

Exit status: 0 when that many workers serve, 1 when fewer do, 4 where no server answers.`;

export const addScale: AddCommand = (program, end) => {
  const command = program
    .command('scale')
    .description('Change the number of workers.')
    .argument('<workers>', 'How many, 1 to 1024.');
  findsServer(command)
    .addHelpText('after', MORE)
    .action(async (text: string, flags: Flags) => {
      end(await scale(readCount(text, 'the number of workers'), flags));
    });
};

/** A number of a worker, or of workers. Throws a {@link SettingError} that calls it `what`. */
export function readCount(text: string, what: string): number {
  const reading = readValue({ kind: 'count', min: 1, max: 1024 }, text);
  if (reading.ok) return reading.value as number;
  throw new SettingError(`${what} is ${JSON.stringify(text)}`, `it takes ${reading.takes}`);
}

function scale(workers: number, flags: Flags): Promise<number> {
  return withServer(flags, async (client) => {
    await client.request('status', {});
    const progress = new ProgressPrinter();
    try {
      const options = { onProgress: progress.print, timeout: 0 };
      const { accepting, draining } = await client.request('scale', { workers }, options);
      process.stdout.write(
        `${accepting} of ${plural(workers, 'worker')} ${accepting === 1 ? 'serves' : 'serve'}${leftover(draining)}\n`,
      );
      return 0;
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      process.stderr.write(`tsgi: ${error.message}\n`);
      progress.printFailures();
      return 1;
    }
  });
}
