// What systemd is told of this server: when it is ready, reloads and stops, how many workers serve, and that the arbiter's
// loop still turns. For a unit of Type=notify with NotifyAccess=all.

import type { ArbiterChange } from '../arbiter/arbiter.ts';
import type { StartService } from '../arbiter/service.ts';
import type { StatusReport } from '../arbiter/status.ts';
import { type Message, NotifySocket } from './notify-socket.ts';

/** Milliseconds between two looks at whether the status has changed: a worker that is back is no step of the arbiter. */
const LOOK = 500;

/** Tells systemd where this process runs under it, which NOTIFY_SOCKET says. */
export const startNotify: StartService = async (arbiter, _resolved, log) => {
  if (!process.env.NOTIFY_SOCKET) return null;
  const socket = new NotifySocket(log);
  let told = '';
  let failure = '';
  const status = (): Message => {
    told = statusLine(arbiter.status(), failure);
    return { STATUS: told };
  };
  const timers = [
    setInterval(() => {
      if (statusLine(arbiter.status(), failure) !== told) socket.tell(status());
    }, LOOK),
  ];
  const watchdog = watchdogInterval(process.env);
  // From the loop that looks at the workers: one that hangs or is stopped sends nothing, and systemd restarts the service.
  if (watchdog > 0) timers.push(setInterval(() => socket.tell({ WATCHDOG: '1' }), watchdog));
  return {
    changed(change) {
      if (change.type === 'reloaded') failure = change.result.ok ? '' : change.result.reason;
      const state = stateOf(change);
      if (state !== null) socket.send({ ...state, ...status() });
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      await socket.flush();
    },
  };
};

/** What a step of the arbiter means to systemd; null for nothing. */
function stateOf(change: ArbiterChange): Message | null {
  switch (change.type) {
    case 'ready':
      // Where a wrapper such as npx started this process, signals should reach the arbiter all the same.
      return { READY: '1', MAINPID: String(process.pid) };
    case 'reloading':
      // On the clock of CLOCK_MONOTONIC, as Node's is.
      return { RELOADING: '1', MONOTONIC_USEC: String(process.hrtime.bigint() / 1000n) };
    case 'reloaded':
      // Also when it failed: the service is as ready as before, and the status says why.
      return { READY: '1' };
    case 'draining':
      return { STOPPING: '1' };
    default:
      return null;
  }
}

/** `generation 3, 2 of 2 workers serve`. */
function statusLine({ state, generation, wanted, workers }: StatusReport, failure: string): string {
  if (state === 'draining') return `stopping, ${workers.length} workers finish their requests`;
  if (state === 'starting') return 'starting';
  const serving = workers.filter((worker) => worker.generation === generation && worker.state === 'accepting').length;
  const serve = `generation ${generation}, ${serving} of ${wanted} workers serve`;
  if (state === 'reloading') return `${serve}; reloading`;
  return failure === '' ? serve : `${serve}; the last reload failed: ${failure}`;
}

/** Milliseconds between two beats for systemd: half of what it waits for. 0 where it does not, or not for this process. */
function watchdogInterval({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return 0;
  return Math.floor(Number(WATCHDOG_USEC ?? 0) / 2000) || 0;
}
