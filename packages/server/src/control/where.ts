// Where the control socket of a server is, so that `tsgi status` in the same folder finds it without being told.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseBind } from '@tsgi/core';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';

/** One place for a control socket. */
export interface ControlPlace {
  readonly path: string;
  /** The folder that is made for it and is ours alone; null where somebody else has seen to that. */
  readonly folder: string | null;
}

/** How the setting is read. */
export interface ControlPlaces {
  /** Whether the operator chose the path. */
  readonly chosen: boolean;
  /** In the order of preference: a server takes the first, a client looks at all. Empty where it is off. */
  readonly places: readonly ControlPlace[];
}

/**
 * The places that `settings` mean for a server in the current folder. Throws a `TsgiError` for a chosen path that the
 * system does not take.
 */
export function controlPlaces(
  settings: Pick<Settings, 'controlSocket' | 'name'>,
  env: NodeJS.ProcessEnv,
): ControlPlaces {
  const { controlSocket, name } = settings;
  if (controlSocket === 'off') return { chosen: true, places: [] };
  if (controlSocket === 'auto') return { chosen: false, places: automatic(name, env) };
  const path = resolve(controlSocket);
  parseBind(`unix:${path}`);
  return { chosen: true, places: [{ path, folder: null }] };
}

function automatic(name: string, env: NodeJS.ProcessEnv): ControlPlace[] {
  // systemd.exec(5): several folders are separated by colons; each is made for the service's user.
  const service = env.RUNTIME_DIRECTORY?.split(':', 1)[0];
  const file = fileName(name);
  const folders = [join(tmpdir(), `tsgi-${userId()}`)];
  // After su it is still that of somebody else. A server that cron started has none, and its operator's shell has one:
  // so a client looks at both.
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime && isOurs(runtime)) folders.unshift(join(runtime, 'tsgi'));
  const places: ControlPlace[] = folders.map((folder) => ({ path: join(folder, file), folder }));
  return service ? [{ path: join(service, 'control.sock'), folder: null }, ...places] : places;
}

/** `shop-3f9a1c2b.sock`: the server's name, as far as a file may have it, and a hash of the whole of it and of the folder. */
function fileName(name: string): string {
  const hash = createHash('sha256').update(`${process.cwd()}\0${name}`).digest('hex').slice(0, 8);
  return `${name.replace(/[^\w.-]/g, '_').slice(0, 24)}-${hash}.sock`;
}

/**
 * Makes the folder for a control socket. Throws a {@link SettingError} where it is not ours alone, and the system's error
 * where it cannot be made.
 */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  checkFolder(folder);
}

/**
 * Throws a {@link SettingError} where `folder` exists and is not ours alone. In a folder for everybody, such as /tmp,
 * somebody else could have made it, and listen there in our server's place.
 */
export function checkFolder(folder: string): void {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const refuse = (problem: string, todo: string): never => {
    throw new SettingError(
      `the folder for control sockets, ${folder}, ${problem}`,
      `${todo}, or name a path by --control-socket`,
    );
  };
  if (stats.isSymbolicLink()) refuse('is a symbolic link', 'remove it');
  if (!stats.isDirectory()) refuse('is no folder', 'remove it');
  if (stats.uid !== userId()) refuse(`belongs to user ${stats.uid}`, 'have it removed');
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) !== 0) refuse(`is open to others (mode ${mode.toString(8)})`, `close it: chmod 700 ${folder}`);
}

function isOurs(folder: string): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === userId();
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}
