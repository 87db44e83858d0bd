// The effective settings: flags before TSGI_* variables before the configuration file before the defaults, each value
// read and checked, with where it came from.

import { resolve } from 'node:path';
import { mount, TAKEN, type TsgiError } from '@tsgi/core';
import { DEV_DEFAULTS } from '../dev/defaults.ts';
import { accessFormat } from '../logs/access-format.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { HOOK_NAMES, type Hooks } from './define-config.ts';
import { flagOf, nearest, SETTING_NAMES, variableOf } from './names.ts';
import { readValue } from './read-value.ts';
import { SettingError } from './setting-error.ts';
import { SETTINGS, type SettingName, type Settings } from './table.ts';

/** Where a value came from: `--workers`, `TSGI_WORKERS`, the path of a file, or nowhere. */
export interface Origin {
  readonly from: 'flag' | 'env' | 'file' | 'default';
  readonly where: string;
}

/** Settings and their origins. */
export interface Resolved {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  readonly hooks: Hooks;
  /** The path of the configuration file; null where there is none. */
  readonly configFile: string | null;
}

/** What settings are resolved from. */
export interface Sources {
  /** Text of flags, by the setting's name. */
  readonly flags: Readonly<Partial<Record<SettingName, unknown>>>;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** Variables that tell a worker who it is, and are nobody's setting. */
const NOT_SETTINGS = new Set(['TSGI_WORKER', 'TSGI_GENERATION', 'TSGI_LISTENING']);

/** Is told of a wrong setting. Where it does not throw, the default stands in, and the next wrong one can be told of. */
export type Refuse = (error: SettingError) => void;

function raise(error: SettingError): void {
  throw error;
}

/** Resolves every setting. Throws a {@link SettingError} that names the first wrong one, its origin and what it takes. */
export async function resolveSettings({ flags, env, cwd }: Sources, refuse: Refuse = raise): Promise<Resolved> {
  const variables = readVariables(env, refuse);
  const given = (flags.config ?? variables.config) as string | undefined;
  const file = await readConfigFile(given, resolve(cwd, String(flags.chdir ?? variables.chdir ?? '.')));
  const hooks = readHooks(file, refuse);
  for (const key of Object.keys(file?.content ?? {})) {
    if ((key === 'config' || !Object.hasOwn(SETTINGS, key)) && !Object.hasOwn(hooks, key))
      refuse(unknown(`the key ${key} in ${file?.path}`, key, [...SETTING_NAMES, ...HOOK_NAMES]));
  }
  const settings: Record<string, unknown> = {};
  const origins: Partial<Record<SettingName, Origin>> = {};
  const find = (name: SettingName): [unknown, Origin] =>
    first(
      [flags[name], { from: 'flag', where: flagOf(name) }],
      [variables[name], { from: 'env', where: variableOf(name) }],
      [file?.content[name], { from: 'file', where: file?.path ?? '' }],
    );
  const [dev, from] = find('dev');
  const defaults = from.from !== 'default' && read('dev', dev, from, {}, () => {}) === true ? DEV_DEFAULTS : {};
  for (const name of SETTING_NAMES) {
    const [value, origin] = find(name);
    settings[name] = origin.from === 'default' ? standard(name, defaults) : read(name, value, origin, defaults, refuse);
    origins[name] = origin;
  }
  const resolved = {
    settings: settings as unknown as Settings,
    origins: origins as Record<SettingName, Origin>,
    hooks,
    configFile: file?.path ?? null,
  };
  checkTogether(resolved, refuse);
  return resolved;
}

function readHooks(file: ConfigFile | null, refuse: Refuse): Hooks {
  const hooks: Record<string, unknown> = {};
  for (const name of HOOK_NAMES) {
    const hook = file?.content[name];
    if (hook === undefined) continue;
    if (typeof hook === 'function') hooks[name] = hook;
    else refuse(new SettingError(`${name} in ${file?.path} is ${JSON.stringify(hook)}`, 'it takes a function'));
  }
  return hooks;
}

function first(...sources: [unknown, Origin][]): [unknown, Origin] {
  return sources.find(([value]) => value !== undefined) ?? [undefined, { from: 'default', where: '' }];
}

function read(name: SettingName, value: unknown, origin: Origin, defaults: Partial<Settings>, refuse: Refuse): unknown {
  const reading = readValue(SETTINGS[name].type, value);
  if (reading.ok) return reading.value;
  const where = origin.from === 'file' ? `${name} in ${origin.where}` : origin.where;
  refuse(new SettingError(`${where} is ${JSON.stringify(value)}`, `it takes ${reading.takes}`));
  return standard(name, defaults);
}

/** A default stands in the table in its unit already, but for permission bits, which are written in octal. */
function standard(name: SettingName, before: Partial<Settings>): unknown {
  if (before[name] !== undefined) return before[name];
  const setting = SETTINGS[name];
  return setting.type.kind === 'mode' && setting.default !== null
    ? Number.parseInt(String(setting.default), 8)
    : setting.default;
}

function readVariables(env: NodeJS.ProcessEnv, refuse: Refuse): Partial<Record<SettingName, string>> {
  const names = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  const found: Partial<Record<SettingName, string>> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('TSGI_') || NOT_SETTINGS.has(variable)) continue;
    const name = names.get(variable);
    if (name === undefined) refuse(unknown(`the variable ${variable}`, variable, [...names.keys()]));
    else if (value !== undefined) found[name] = value;
  }
  return found;
}

function unknown(what: string, name: string, known: readonly string[]): SettingError {
  const near = nearest(name, known);
  return new SettingError(
    `${what} is no setting`,
    near === undefined ? 'see tsgi serve --help for all of them' : `did you mean ${near}?`,
  );
}

/** What no value alone can say, and what is text to the table and has a grammar of its own. */
function checkTogether({ settings, origins }: Resolved, refuse: Refuse): void {
  if ((settings.certfile === null) !== (settings.keyfile === null)) {
    const [have, miss] = settings.certfile === null ? ['--keyfile', '--certfile'] : ['--certfile', '--keyfile'];
    refuse(new SettingError(`${have} is given without ${miss}`, `give ${miss} as well`));
  }
  const grammars: Partial<Record<SettingName, () => unknown>> = {
    mountPath: () => settings.mountPath !== '' && mount(settings.mountPath, { handle: () => TAKEN }),
    accessLogFormat: () => accessFormat(settings.accessLogFormat),
  };
  for (const [name, parse] of Object.entries(grammars)) {
    try {
      parse();
    } catch (error) {
      const { message, todo } = error as TsgiError | SettingError;
      refuse(new SettingError(`${origins[name as SettingName].where}: ${message}`, todo));
    }
  }
}

/** The application that the settings name. Throws a {@link SettingError} where they name none. */
export function applicationOf({ settings }: Resolved): string {
  if (settings.app !== null) return settings.app;
  throw new SettingError('no application is named', 'write it as ./app.ts:app, or as app in the configuration file');
}
