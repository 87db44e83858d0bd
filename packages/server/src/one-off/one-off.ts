// Runs the application once, in a child process that is started as a worker is, without a server: for one request, or
// only to see whether it starts.

import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeExit, nodeArguments } from '../arbiter/worker-process.ts';
import { setupOf } from '../arbiter/worker-setup.ts';
import { showDuration } from '../settings/read-value.ts';
import type { Resolved } from '../settings/resolve.ts';
import type { FromOneOff, OneOffRequest, Order, Reply } from './messages.ts';

// A source beside sources, compiled beside what is compiled.
const MAIN = fileURLToPath(new URL(`./main${extname(import.meta.filename)}`, import.meta.url));

/** How the application did. */
export interface OneOffResult {
  /** What it is, such as `fastify`. */
  readonly kind: string;
  /** When it had started, on the clock of `performance`. */
  readonly ready: number;
  /** Null where nothing was asked. */
  readonly reply: Reply | null;
}

/** The application could not be loaded, started, or did not answer. */
export class OneOffFailure extends Error {
  /** 3 where it could not be loaded or started, 1 where it did not answer. */
  readonly exit: 1 | 3;
  /** The stack of its own error; `''` where the message says what to do. */
  readonly detail: string;

  constructor(message: string, exit: 1 | 3, detail = '') {
    super(message);
    this.exit = exit;
    this.detail = detail;
  }
}

/**
 * Loads and starts the application of `resolved`, sends it `request` if there is one, and stops it. What it prints goes
 * to the standard error output, so that the standard output holds the answer alone; no file is written to. Rejects with a
 * {@link OneOffFailure}, and with a `SettingError` for settings of which no worker could be started.
 */
export function runOnce(resolved: Resolved, request: OneOffRequest | null): Promise<OneOffResult> {
  const { env, identity } = setupOf(resolved);
  const settings = { ...resolved.settings, logFile: '-', accessLogfile: null };
  const child = spawn(process.execPath, [...nodeArguments(settings), MAIN], {
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...env, TSGI_WORKER: '0', TSGI_GENERATION: '1' },
    ...(identity && { uid: identity.uid, gid: identity.gid }),
    // Bytes of bodies travel as they are.
    serialization: 'advanced',
  });
  return new Promise((resolve, reject) => {
    let kind: string | null = null;
    let ready = 0;
    let reply: Reply | null = null;
    let failure: OneOffFailure | null = null;
    const fail = (message: string, exit: 1 | 3, detail = ''): void => {
      failure ??= new OneOffFailure(message, exit, detail);
      child.kill('SIGKILL');
    };
    const late = `the application was not ready within ${showDuration(settings.startTimeout)}`;
    let timer = setTimeout(() => fail(late, 3), settings.startTimeout);
    /** From here on it has only to stop. */
    const stopping = (): void => {
      const stuck = `the application did not stop within ${showDuration(settings.gracefulTimeout)}`;
      clearTimeout(timer);
      timer = setTimeout(() => fail(stuck, 1), settings.gracefulTimeout);
    };
    child.on('message', (message: FromOneOff) => {
      switch (message.type) {
        case 'started':
          ({ kind } = message);
          ready = performance.now();
          clearTimeout(timer);
          if (request === null) stopping();
          break;
        case 'replied':
          ({ reply } = message);
          stopping();
          break;
        case 'failed':
          fail(
            `the application failed to ${message.phase}: ${message.message}`,
            message.phase === 'answer' ? 1 : 3,
            message.stack,
          );
          break;
      }
    });
    child.on('error', (error) => fail(`no process could be started for the application: ${error.message}`, 3));
    // 'close' and not 'exit': its last messages have been read by then.
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (kind === null) fail(`the application's process ${describeExit({ code, signal })} before it was ready`, 3);
      else if (request !== null && reply === null)
        fail(`the application's process ${describeExit({ code, signal })} before it answered`, 1);
      if (failure === null) resolve({ kind: kind as string, ready, reply });
      else reject(failure);
    });
    const order: Order = { settings, request };
    child.send(order, () => {});
  });
}
