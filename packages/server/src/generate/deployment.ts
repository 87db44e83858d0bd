// What a deployment's files are made of: the effective settings, and how the server is named and reached outside itself.

import { type Bind, parseBind, printBind } from '@tsgi/core';
import { flagOf, SETTING_NAMES, variableOf } from '../settings/names.ts';
import type { Resolved } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { SettingName, Settings } from '../settings/table.ts';
import { writeValue } from '../settings/write-value.ts';

/** One file of a deployment. */
export interface GeneratedFile {
  /** Below the folder that all files of one target go into. */
  readonly path: string;
  readonly content: string;
}

/** What every target starts from. */
export interface Deployment {
  /** The setting `name`, in letters, digits and dashes: the name of files, units and services. */
  readonly name: string;
  readonly settings: Settings;
  /** The path of the configuration file; null where there is none. */
  readonly configFile: string | null;
  /** What flags and variables said, as variables: the configuration file goes along with the application, they do not. */
  readonly given: Readonly<Partial<Record<SettingName, string>>>;
}

/** Settings that stand in the files bare, where spaces, quotes and the like have a meaning. */
const BARE: ReadonlySet<SettingName> = new Set<SettingName>([
  'bind',
  'mountPath',
  'user',
  'group',
  'socketOwner',
  'logFile',
  'accessLogfile',
  'pidfile',
]);

/** Throws a {@link SettingError} for what would end a line or a word of a file, and begin another. */
function checkText(name: SettingName, text: string): void {
  if (!/[\n\r\0]/.test(text) && !(BARE.has(name) && /[\s"'\\;{}#]/.test(text))) return;
  throw new SettingError(
    `${flagOf(name)} is ${JSON.stringify(text)}, which cannot stand in a generated file`,
    'give it without line breaks, spaces, quotes, backslashes, semicolons, braces and #',
  );
}

/** The deployment of `resolved`. Throws a {@link SettingError} for a setting that no file can hold. */
export function deploymentOf({ settings, origins, configFile }: Resolved): Deployment {
  for (const name of SETTING_NAMES) checkText(name, writeValue(name, settings[name]));
  const given = SETTING_NAMES.filter((name) => name !== 'chdir' && /^(flag|env)$/.test(origins[name].from));
  return {
    name: nameOf(settings.name),
    settings,
    configFile,
    given: Object.fromEntries(given.map((name) => [name, writeValue(name, settings[name])])),
  };
}

function nameOf(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (plain === '')
    throw new SettingError(`the name "${name}" has no letter a-z and no digit`, 'give one that has, with --name');
  return plain;
}

/** `given`, changed by `own`, as variables. */
export function variables(
  given: Deployment['given'],
  own: Partial<Record<SettingName, string>>,
): (readonly [variable: string, value: string])[] {
  const all: Deployment['given'] = { ...given, ...own };
  return SETTING_NAMES.filter((name) => all[name] !== undefined).map((name) => [variableOf(name), all[name] as string]);
}

/** A bind that another program can connect to. */
export type Reachable = Bind & { readonly kind: 'tcp' | 'unix' };

/** The binds that name their address themselves, Unix sockets first. Throws a {@link SettingError} where there is none. */
export function reachable(settings: Settings): readonly [Reachable, ...Reachable[]] {
  const binds = settings.bind.map(parseBind).filter(isReachable);
  const [first, ...others] = [
    ...binds.filter(({ kind }) => kind === 'unix'),
    ...binds.filter(({ kind }) => kind === 'tcp'),
  ];
  if (first !== undefined) return [first, ...others];
  throw new SettingError(
    `nobody can tell where ${settings.bind.join(', ')} is reached`,
    'give the addresses for this command: --bind host:port, or --bind unix:/path',
  );
}

function isReachable(bind: Bind): bind is Reachable {
  if (bind.kind === 'tcp' && bind.port === 0)
    throw new SettingError(`${printBind(bind)} has another port at each start`, 'give the port with --bind');
  return bind.kind === 'tcp' || bind.kind === 'unix';
}

/** Whether a TCP host means every address of the machine. */
export function isEverywhere(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}
