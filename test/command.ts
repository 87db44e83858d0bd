// Runs a command as a user would. tap loads itself into every Node process that a test starts, by NODE_OPTIONS and
// whatever environment the test gives, so the variable is taken away after that, by env(1).

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Starts a command; its process id is the command's own. */
export function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn('env', ['-u', 'NODE_OPTIONS', command, ...args], options);
}

/** Runs a command to its end: its exit status, and what it printed on both outputs. */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = start(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const [[status], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
  ]);
  return { status, stdout, stderr };
}
