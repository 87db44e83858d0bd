// Calls the functions of the configuration file. An error of one is logged, and changes nothing else.

import type { Log } from '@tsgi/core';
import type { Hooks } from '../settings/define-config.ts';
import type { Arbiter, ArbiterChange } from './arbiter.ts';
import type { StartService } from './service.ts';

/** Calls the hooks of the configuration that serves: after a reload, those of the new one. */
export const callHooks: StartService = async (arbiter, _resolved, log) => ({
  changed: (change) => void call(arbiter, change, log),
});

async function call(arbiter: Arbiter, change: ArbiterChange, log: Log): Promise<void> {
  const { hooks } = arbiter.setup;
  try {
    await hookOf(hooks, change, arbiter)?.();
  } catch (error) {
    log.error({ err: error }, `a hook of the configuration file failed: ${change.type}`);
  }
}

function hookOf(hooks: Hooks, change: ArbiterChange, arbiter: Arbiter): (() => unknown) | undefined {
  switch (change.type) {
    case 'ready':
      return hooks.onReady && (() => hooks.onReady?.(arbiter.status()));
    case 'reloaded':
      return hooks.onReload && (() => hooks.onReload?.(change.result));
    case 'worker-start': {
      const { worker, pid, generation } = change.worker;
      return hooks.onWorkerStart && (() => hooks.onWorkerStart?.({ worker, pid, generation }));
    }
    case 'worker-exit': {
      const { worker, pid, generation } = change.worker;
      return hooks.onWorkerExit && (() => hooks.onWorkerExit?.({ worker, pid, generation, reason: change.reason }));
    }
    default:
      return undefined;
  }
}
