// What the commands to a running server share: how they find it, how they show its progress, and how they fail.

import type { Command } from 'commander';
import { ControlClient } from '../control/client.ts';
import { ControlError, type Progress } from '../control/protocol.ts';
import { type ControlPlace, controlPlaces } from '../control/where.ts';
import { enterFolder } from '../settings/folder.ts';
import { resolveSettings } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import { addSettings, type Flags } from './command.ts';

/** Gives `command` the options by which it finds its server. */
export function findsServer(command: Command): Command {
  return addSettings(command, ['controlSocket', 'name', 'chdir', 'config']);
}

/**
 * Connects to the server that `flags` mean and resolves to the exit status that `use` gives. What the server refuses is
 * one line, and status 1.
 */
export async function withServer(flags: Flags, use: (client: ControlClient) => Promise<number>): Promise<number> {
  const client = await ControlClient.connect(await findPlaces(flags));
  try {
    return await use(client);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    process.stderr.write(`tsgi: ${error.message}\n`);
    return 1;
  } finally {
    client.close();
  }
}

/** Where the server may be: as its own settings say, in its own folder. */
async function findPlaces(flags: Flags): Promise<readonly ControlPlace[]> {
  const { controlSocket } = flags;
  if (typeof controlSocket === 'string' && controlSocket !== 'auto') {
    // A server is reached also where its configuration file is broken.
    if (flags.chdir !== undefined) enterFolder({ chdir: String(flags.chdir) });
    return placesOf({ controlSocket, name: '' });
  }
  const { settings } = await resolveSettings({ flags, env: process.env, cwd: process.cwd() });
  enterFolder(settings);
  return placesOf(settings);
}

function placesOf(settings: { readonly controlSocket: string; readonly name: string }): readonly ControlPlace[] {
  const { places } = controlPlaces(settings, process.env);
  if (places.length > 0) return places;
  throw new SettingError('the control socket is off', 'say where it is by --control-socket');
}

/** Prints steps of workers as they come, and keeps what those that failed said. */
export class ProgressPrinter {
  readonly #failures: string[] = [];

  readonly print = (progress: Progress): void => {
    process.stdout.write(`${describe(progress)}\n`);
    if (progress.step === 'failed' && progress.detail !== '') this.#failures.push(progress.detail);
  };

  /** Each error of a worker once, with its stack: often enough all of them have the same. */
  printFailures(): void {
    for (const detail of new Set(this.#failures)) process.stderr.write(`${detail}\n`);
  }
}

function describe(progress: Progress): string {
  if (progress.step === 'waits') return progress.reason;
  const { step, worker, generation, pid, inFlight, reason } = progress;
  const who = `worker ${worker} of generation ${generation}`;
  switch (step) {
    case 'starts':
      return `${who} starts, process ${pid}`;
    case 'started':
      return `${who} has started`;
    case 'accepting':
      return `${who} accepts`;
    case 'draining':
      return `${who} drains (${reason})${inFlight === 0 ? '' : `, ${plural(inFlight, 'request')} in flight`}`;
    case 'gone':
      return `${who} is gone (${reason})`;
    case 'failed':
      return `${who} has failed: ${reason}`;
  }
}

/** What is left of workers that finish their requests, for the end of a line. */
export function leftover(draining: number): string {
  return draining === 0 ? '' : `; ${draining} more still ${draining === 1 ? 'drains' : 'drain'}`;
}

/** `1 worker`, `2 workers`. */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
