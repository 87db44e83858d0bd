// What runs beside the workers in the arbiter's process: the control socket, the monitor, the messages to systemd, the
// pid file. None of them may slow a worker down, and none is needed to serve.

import type { Log } from '@tsgi/core';
import type { Resolved } from '../settings/resolve.ts';
import type { Arbiter, ArbiterChange } from './arbiter.ts';

/** A part of the arbiter's process that is told what happens. */
export interface Service {
  /** Called at each step of the arbiter. It must not throw. */
  changed?(change: ArbiterChange): void;
  /** Called once, when all workers are gone and before the process ends. */
  close?(): void | Promise<void>;
}

/**
 * Starts one; null where the settings ask for none. Called before anything is bound and any worker is started, so that
 * a second arbiter at the same place is refused before it has touched anything: it throws a `SettingError` for that.
 */
export type StartService = (arbiter: Arbiter, resolved: Resolved, log: Log) => Promise<Service | null>;
