// `tsgi serve`: from resolved settings to the exit status. Arbiter, sockets, services and signals are put together here.

import inspector from 'node:inspector';
import type { Log } from '@tsgi/core';
import { startControl } from '../control/server.ts';
import { restartOnChange } from '../dev/restart-on-change.ts';
import { createLog } from '../logs/log.ts';
import { makeLogFiles } from '../logs/log-owner.ts';
import { startMonitor } from '../monitor/monitor.ts';
import { enterFolder } from '../settings/folder.ts';
import { SETTING_NAMES } from '../settings/names.ts';
import type { Resolved } from '../settings/resolve.ts';
import { SETTINGS, type Settings } from '../settings/table.ts';
import { startNotify } from '../systemd/notify.ts';
import { Arbiter } from './arbiter.ts';
import { callHooks } from './hooks.ts';
import { identityOf } from './identity.ts';
import { holdPidFile } from './pid-file.ts';
import type { Service, StartService } from './service.ts';
import { handleSignals } from './signals.ts';
import { openSockets } from './sockets.ts';
import { WorkerFailure } from './worker-process.ts';
import { setupOf } from './worker-setup.ts';

/** In the order of their start; they are closed in the opposite one. */
const SERVICES: readonly StartService[] = [
  holdPidFile,
  startControl,
  startMonitor,
  callHooks,
  startNotify,
  restartOnChange,
];

/** Milliseconds that hooks have to come to their end once the server has stopped. */
const LAST_SECONDS = 2000;

/** Serves until it is told to stop. Resolves to the exit status; see docs for the table. */
export async function runArbiter(resolved: Resolved, resolveAgain: () => Promise<Resolved>): Promise<number> {
  closeDebugger();
  const { settings } = resolved;
  enterFolder(settings);
  if (settings.umask !== null) process.umask(settings.umask);
  const owner = identityOf(settings);
  makeLogFiles(settings, owner);
  const log = createLog(settings, {});
  const services: Service[] = [];
  const arbiter = new Arbiter({
    log,
    onReopen: () => makeLogFiles(settings, owner),
    setup: setupOf(resolved),
    resolve: async () => setupOf(keepOnce(settings, await resolveAgain(), log)),
    onChange: (change) => {
      if (change.type === 'ready') {
        closeDebugger();
        const { binds } = arbiter.status();
        log.info({ binds }, `serving ${binds.join(', ')}`);
      }
      for (const service of services) service.changed?.(change);
    },
  });
  const release = handleSignals(arbiter, settings.dev);
  try {
    for (const start of SERVICES) {
      const service = await start(arbiter, resolved, log);
      if (service !== null) services.unshift(service);
    }
    await arbiter.start(await openSockets(settings));
    await arbiter.over;
    return 0;
  } catch (error) {
    return explainFailure(error);
  } finally {
    for (const service of services) await service.close?.();
    release();
    // What a hook or the configuration file has opened, such as a timer, must not keep the process.
    setTimeout(() => process.exit(), LAST_SECONDS).unref();
  }
}

/**
 * A USR1 that came before the program had its handler has opened a debugger for anyone on this machine. Node.js opens it
 * a little later; so this is looked at twice.
 */
function closeDebugger(): void {
  const asked = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((argument) =>
    argument.includes('--inspect'),
  );
  if (!asked && inspector.url() !== undefined) inspector.close();
}

/** A reload does not bind anew, nor open another pid file: what is taken once stays, and whoever changed it must hear of it. */
function keepOnce(old: Settings, again: Resolved, log: Log): Resolved {
  const changed = SETTING_NAMES.filter(
    (name) => SETTINGS[name].once && String(old[name]) !== String(again.settings[name]),
  );
  if (changed.length > 0) log.warn({ settings: changed }, `a restart is needed to change ${changed.join(', ')}`);
  const kept = Object.fromEntries(changed.map((name) => [name, old[name]]));
  return { ...again, settings: { ...again.settings, ...kept } };
}

/** The first generation did not start: the error of its worker, in the worker's own words. */
function explainFailure(error: unknown): number {
  if (!(error instanceof WorkerFailure)) throw error;
  const { message, detail } = error;
  process.stderr.write(`tsgi: ${message}\n${detail ? `${detail}\n` : ''}`);
  return 3;
}
