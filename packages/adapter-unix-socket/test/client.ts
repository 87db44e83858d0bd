// The least of an HTTP client over a Unix socket, and a process that serves.

import { type ChildProcess, type SpawnOptions, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

/** The body of `GET target`, on a connection of its own unless there is an agent. */
export function get(socketPath: string, target = '/', agent: Agent | false = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: target, agent }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        body += chunk;
      });
      incoming.on('end', () => resolve(body));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const SERVE = fileURLToPath(new URL('serve.ts', import.meta.url));

/** The command line of serve.ts. */
export function serveCommand(bind: string, options: object = {}): string[] {
  return [process.execPath, '--conditions=@tsgi/source', SERVE, bind, JSON.stringify(options)];
}

/**
 * Runs serve.ts as the user nobody, for a bind that it refuses: its exit status and what it says. Undefined where that
 * cannot be done: for want of root, or because nobody may not read this folder.
 */
export function refusedForNobody(): ((bind: string, options?: object) => string) | undefined {
  // By env -i, for tap puts itself into every process that node starts, and nobody cannot write its coverage here.
  const run = (args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync('env', ['-i', process.execPath, ...args], { uid: 65534, gid: 65534, encoding: 'utf8' });
  if (process.geteuid?.() !== 0 || run(['-e', `fs.accessSync(${JSON.stringify(SERVE)})`]).status !== 0)
    return undefined;
  return (bind, options) => {
    const { status, stdout, stderr } = run(serveCommand(bind, options).slice(1));
    return `${status} ${stdout}${stderr}`;
  };
}

/** A process, and what it says first; it is killed with the test if it still runs then. */
export async function start(
  t: Test,
  [program = '', ...args]: readonly string[],
  options: SpawnOptions = {},
): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, said: chunk.toString().trimEnd() };
}
