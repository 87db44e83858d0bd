// What the workers of a generation are started with, from the settings as they are at that moment.

import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { processors } from '../settings/processors.ts';
import type { Resolved } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { WorkerSetup } from './arbiter.ts';
import { type Identity, identityOf } from './identity.ts';

/** The set-up that `resolved` asks for. Throws a {@link SettingError} for an environment file that cannot be read. */
export function setupOf({ settings, hooks }: Resolved): WorkerSetup {
  const workers = settings.workers === 'auto' ? processors() : settings.workers;
  const identity = identityOf(settings);
  // As with node's own --env-file, the real environment comes first.
  const env = { ...readEnvFiles(settings.envFile), ...ownEnvironment(), ...environmentOf(identity) };
  return { settings, hooks, workers, identity, env };
}

/** What systemd says to the arbiter alone: a worker, or a program that it starts, must not speak or listen in its place. */
const FOR_THE_ARBITER = /^(NOTIFY_SOCKET|WATCHDOG_(PID|USEC)|LISTEN_(PID|PIDFDID|FDS|FDNAMES))$/;

function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOR_THE_ARBITER.test(name)));
}

/** What login(1) sets, so that programs look into the right home. */
function environmentOf(identity: Identity | null): NodeJS.ProcessEnv {
  if (identity?.name === undefined) return {};
  return { USER: identity.name, LOGNAME: identity.name, HOME: identity.home };
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
