// `tsgi serve`: from resolved settings to the exit status. Arbiter, sockets, services and signals are put together here.

import { createLog } from '../logs/log.ts';
import type { Resolved } from '../settings/resolve.ts';
import { startNotify } from '../systemd/notify.ts';
import { Arbiter } from './arbiter.ts';
import type { Service, StartService } from './service.ts';
import { handleSignals } from './signals.ts';
import { openSockets } from './sockets.ts';
import { WorkerFailure } from './worker-process.ts';
import { setupOf } from './worker-setup.ts';

/** In the order of their start; they are closed in the opposite one. */
const SERVICES: readonly StartService[] = [startNotify];

/** Serves until it is told to stop. Resolves to the exit status; see docs for the table. */
export async function runArbiter(resolved: Resolved, resolveAgain: () => Promise<Resolved>): Promise<number> {
  const { settings } = resolved;
  process.chdir(settings.chdir);
  const log = createLog(settings, {});
  const services: Service[] = [];
  const arbiter = new Arbiter({
    log,
    setup: setupOf(resolved),
    resolve: async () => setupOf(await resolveAgain()),
    onChange: (change) => {
      for (const service of services) service.changed?.(change);
    },
  });
  const release = handleSignals(arbiter);
  try {
    for (const start of SERVICES) {
      const service = await start(arbiter, resolved, log);
      if (service !== null) services.unshift(service);
    }
    const sockets = await openSockets(settings);
    await arbiter.start(sockets);
    const binds = sockets.map(({ bind }) => bind);
    log.info({ binds }, `serving ${binds.join(', ')}`);
    await arbiter.over;
    return 0;
  } catch (error) {
    return explainFailure(error);
  } finally {
    release();
    for (const service of services) await service.close?.();
  }
}

/** The first generation did not start: the error of its worker, in the worker's own words. */
function explainFailure(error: unknown): number {
  if (!(error instanceof WorkerFailure)) throw error;
  const { message, detail } = error;
  process.stderr.write(`tsgi: ${message}\n${detail ? `${detail}\n` : ''}`);
  return 3;
}
