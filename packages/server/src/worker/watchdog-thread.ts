// The thread that notices when the main loop of its worker hangs. It writes where the loop hangs and what was in flight
// to the log, and leaves the killing to the arbiter; where the arbiter is gone, it ends the process itself.

import { type Debugger, Session } from 'node:inspector';
import { threadId, workerData } from 'node:worker_threads';
import { readInFlight } from './in-flight.ts';
import type { WatchdogData } from './watchdog.ts';

/** Milliseconds between two looks at the beat. */
const LOOK = 100;
/** Milliseconds that the inspector gets to stop the main thread, at most. Within a native call it cannot. */
const PATIENCE = 1000;
/** Milliseconds that telling may take on a machine that is busy. */
const TELLING = 500;
/** Frames of a stack that are written. */
const FRAMES = 30;

const { settings, worker, generation, beats, inFlight } = workerData as WatchdogData;
const counter = new Int32Array(beats);
const parent = process.ppid;
// The stack must be in the log before the arbiter, which counts the same silence, kills this process.
const patience = Math.min(PATIENCE, settings.timeout / 4);
const limit = Math.max(settings.timeout / 2, settings.timeout - patience - TELLING);
let last = Atomics.load(counter, 0);
let silence = 0;
let told = false;
let looked = performance.now();

setInterval(() => {
  const now = Atomics.load(counter, 0);
  const since = performance.now() - looked;
  looked += since;
  if (now !== last) {
    if (told)
      void log('warn', { silence: Math.round(silence) }, `worker ${worker} goes on after ${Math.round(silence)} ms`);
    last = now;
    silence = 0;
    told = false;
    return;
  }
  // Looks come late on a machine that is busy; but a process that was stopped has not hung for the whole time.
  silence += Math.min(since, 3 * LOOK);
  // Ready to be written to when there is something to tell.
  if (silence >= limit / 2) void import('../logs/log.ts');
  if (silence >= limit && !told) {
    told = true;
    report(Math.round(silence));
  }
  if (process.ppid !== parent && silence >= settings.timeout) {
    void log(
      'error',
      { silence: Math.round(silence) },
      `worker ${worker} hangs and its arbiter is gone: it ends itself`,
    ).finally(() => process.kill(process.pid, 'SIGKILL'));
  }
}, LOOK);

/** The log is loaded when there may be something to tell: until then it would be megabytes for nothing. */
async function log(level: 'warn' | 'error', fields: object, message: string): Promise<void> {
  const { createLog } = await import('../logs/log.ts');
  createLog(settings, { worker, generation, thread: threadId })[level](fields, message);
}

function report(ms: number): void {
  const requests = readInFlight(inFlight);
  whereItHangs((stack) => {
    const where = stack?.[0] ?? 'inside a native call or a child process';
    void log('error', { silence: ms, stack, requests }, `worker ${worker} hangs for ${ms} ms: ${where}`);
  });
}

/** The JavaScript stack of the main thread, innermost frame first; undefined where none comes. */
function whereItHangs(done: (stack: string[] | undefined) => void): void {
  const session = new Session();
  const files = new Map<string, string>();
  let over = false;
  const finish = (stack: string[] | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    done(stack);
  };
  // Not disconnected then: that blocks this thread until the native call returns, and somebody must look on.
  const timer = setTimeout(() => finish(undefined), patience);
  session.connectToMainThread();
  session.on('Debugger.scriptParsed', ({ params }) => files.set(params.scriptId, params.url));
  session.on('Debugger.paused', ({ params }) => {
    const stack = params.callFrames.slice(0, FRAMES).map((frame) => describe(frame, files));
    session.post('Debugger.resume', () => {
      session.disconnect();
      finish(stack);
    });
  });
  session.post('Debugger.enable', () => session.post('Debugger.pause'));
}

function describe({ functionName, location }: Debugger.CallFrame, files: Map<string, string>): string {
  const file = files.get(location.scriptId) ?? '';
  return `${functionName || '(anonymous)'} (${file}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1})`;
}
