// The configuration file: where it is, and what it says.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SettingError } from './setting-error.ts';

/** The names that are looked for, in this order. */
export const CONFIG_FILES: readonly string[] = [
  'tsgi.config.ts',
  'tsgi.config.js',
  'tsgi.config.mjs',
  'tsgi.config.json',
];

/** A configuration file that was read. */
export interface ConfigFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

let loads = 0;

/** Reads the file at `given`, or the one of the usual names in `cwd`; null where there is none. */
export async function readConfigFile(given: string | undefined, cwd: string): Promise<ConfigFile | null> {
  const path =
    given === undefined ? CONFIG_FILES.map((name) => resolve(cwd, name)).find(existsSync) : resolve(cwd, given);
  if (path === undefined) return null;
  if (!existsSync(path))
    throw new SettingError(`there is no configuration file ${path}`, 'write the path of one that exists');
  let content: unknown;
  try {
    content = path.endsWith('.json') ? JSON.parse(await readFile(path, 'utf8')) : await importAfresh(path);
  } catch (cause) {
    throw new SettingError(`the configuration file ${path} cannot be read: ${(cause as Error).message}`, 'mend it', {
      cause,
    });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new SettingError(
      `the configuration file ${path} exports no settings`,
      'export default defineConfig({ ... })',
    );
  }
  return { path, content: content as Record<string, unknown> };
}

/** Modules are kept once they are loaded, and a reload must see what changed: each load has an address of its own. */
async function importAfresh(path: string): Promise<unknown> {
  loads++;
  const module = (await import(`${pathToFileURL(path).href}?load=${loads}`)) as { default?: unknown };
  return module.default;
}
