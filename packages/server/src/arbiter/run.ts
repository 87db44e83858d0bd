// `tsgi serve`: from resolved settings to the exit status. Sockets, arbiter and signals are put together here.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseEnv } from 'node:util';
import { createLog } from '../logs/log.ts';
import type { Resolved } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import { Arbiter, type ArbiterChange, type WorkerSetup } from './arbiter.ts';
import { openSockets } from './sockets.ts';
import type { WorkerFailure } from './worker-process.ts';

/** Serves until it is told to stop. Resolves to the exit status; see docs for the table. */
export async function runArbiter(resolved: Resolved, resolveAgain: () => Promise<Resolved>): Promise<number> {
  const { settings } = resolved;
  process.chdir(settings.chdir);
  const log = createLog(settings, {});
  const sockets = await openSockets(settings);
  const arbiter = new Arbiter({
    sockets,
    log,
    setup: setupOf(resolved),
    resolve: async () => setupOf(await resolveAgain()),
    onChange: (change) => announce(change, arbiter, log),
  });
  const release = handleSignals(arbiter);
  try {
    await arbiter.start();
  } catch (error) {
    const { message, detail } = error as WorkerFailure;
    process.stderr.write(`tsgi: ${message}\n${detail ? `${detail}\n` : ''}`);
    return 3;
  }
  await arbiter.over;
  release();
  return 0;
}

function setupOf({ settings }: Resolved): WorkerSetup {
  const workers = settings.workers === 'auto' ? availableParallelism() : settings.workers;
  return { settings, workers, env: { ...process.env, ...readEnvFiles(settings.envFile) } };
}

function readEnvFiles(paths: readonly string[]): NodeJS.Dict<string> {
  const env: NodeJS.Dict<string> = {};
  for (const path of paths) {
    try {
      Object.assign(env, parseEnv(readFileSync(path, 'utf8')));
    } catch (cause) {
      const { message } = cause as Error;
      throw new SettingError(`the environment file ${path} cannot be read: ${message}`, 'write the path of one', {
        cause,
      });
    }
  }
  return env;
}

function announce(change: ArbiterChange, arbiter: Arbiter, log: ReturnType<typeof createLog>): void {
  if (change.type === 'ready')
    log.info({ binds: arbiter.status().binds }, `serving ${arbiter.status().binds.join(', ')}`);
}

/** DESIGN of signals is Gunicorn's: TERM graceful, INT and QUIT fast, HUP reload, TTIN and TTOU one more or less, WINCH drains. */
function handleSignals(arbiter: Arbiter): () => void {
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGTERM: () => arbiter.stop('graceful'),
    SIGINT: () => arbiter.stop('fast'),
    SIGQUIT: () => arbiter.stop('fast'),
    SIGHUP: () => void arbiter.reload(),
    SIGUSR1: () => arbiter.reopen(),
    SIGTTIN: () => void arbiter.scale(arbiter.status().wanted + 1),
    SIGTTOU: () => void arbiter.scale(Math.max(1, arbiter.status().wanted - 1)),
    SIGWINCH: () => arbiter.windDown(),
  };
  const entries = Object.entries(handlers) as [NodeJS.Signals, () => void][];
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.removeListener(signal, handler);
  };
}
