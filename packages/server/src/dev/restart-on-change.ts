// In the arbiter: starts the server anew when a file changes that its code or its configuration is made of.

import { relative, resolve } from 'node:path';
import type { Arbiter, ArbiterChange } from '../arbiter/arbiter.ts';
import type { Service, StartService } from '../arbiter/service.ts';
import { CONFIG_FILES } from '../settings/config-file.ts';
import { FileWatch } from './file-watch.ts';
import { stampOf } from './stamp.ts';

/** How many names a line of the log tells. */
const NAMED = 3;

/** Restarts on a change, where the settings ask for `dev`. */
export const restartOnChange: StartService = async (arbiter, { settings, configFile }, log) => {
  if (!settings.dev) return null;
  const watch = new FileWatch(
    (paths) => {
      log.info({ files: paths }, `${list(paths)} changed: restarting`);
      void arbiter.restart();
    },
    (folder, err) => log.warn({ err, folder }, `changes in ${folder} go unnoticed: it cannot be watched`),
  );
  const configs = configFile === null ? CONFIG_FILES.map((name) => resolve(name)) : [configFile];
  for (const path of configs) watch.add(path, stampOf(path));
  return { changed: follow(arbiter, watch, new Set(configs)), close: () => watch.close() };
};

/** Watches what the workers of the newest generation import; while none has started, also what those before it did. */
function follow(arbiter: Arbiter, watch: FileWatch, always: ReadonlySet<string>): NonNullable<Service['changed']> {
  const generations = new Map<string, number>();
  return (change: ArbiterChange) => {
    const { generation } = arbiter.status();
    if (change.type === 'worker-start') {
      const { worker } = change;
      worker.onImported = (path, stamp) => {
        if (worker.generation < arbiter.status().generation) return;
        generations.set(path, worker.generation);
        watch.add(path, stamp);
      };
    } else if (change.type === 'ready' || (change.type === 'reloaded' && change.result.ok)) {
      watch.keep((path) => always.has(path) || generations.get(path) === generation);
    }
  };
}

function list(paths: readonly string[]): string {
  const names = paths.slice(0, NAMED).map((path) => relative(process.cwd(), path));
  return names.join(', ') + (paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '');
}
