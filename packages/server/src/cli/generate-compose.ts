// The options of tsgi generate that are about Compose, as text and as what they mean.

import type { Command } from 'commander';
import { type ComposeOptions, PROFILES, type Profile } from '../generate/compose/options.ts';
import type { Deployment } from '../generate/deployment.ts';
import { SettingError } from '../settings/setting-error.ts';
import { addEdgeFlags, collect, type EdgeFlags, edgeOf, matching, numberOf, pathOf } from './generate-nginx.ts';

export interface ComposeFlags extends EdgeFlags {
  readonly publish: string;
  readonly migrate?: string;
  readonly mariadb?: string;
  readonly mongodb?: string;
  readonly secret: string[];
  readonly variable: string[];
  readonly volume: string[];
  readonly profile: string[];
  readonly include: string[];
}

export function addComposeFlags(command: Command): Command {
  return addEdgeFlags(command)
    .optionsGroup('Compose:')
    .option('--publish <port>', 'The port of this machine on which Nginx is reached.', '8080')
    .option(
      '--migrate <command>',
      'Run by a shell, once before the application starts. It fills the folders of --static.',
    )
    .option('--mariadb <prefix>', 'Also MariaDB; the application is told PREFIX_URL and PREFIX_PASSWORD_FILE.')
    .option('--mongodb <prefix>', 'Also MongoDB; the same.')
    .option('--secret <variable>', 'A random one; VARIABLE_FILE tells where it is. Repeatable.', collect, [])
    .option('--variable <name=value>', 'A variable of the application. Repeatable.', collect, [])
    .option('--volume <name=path>', 'A folder of the application that lasts. Repeatable.', collect, [])
    .option('--profile <name>', 'minimal (the application alone) or unix (a socket to it). Repeatable.', collect, [])
    .option('--include <path>', 'Another Compose file. Repeatable.', collect, []);
}

const VARIABLE = /^[A-Z_][A-Z0-9_]*$/;

export function composeOf(flags: ComposeFlags, deployment: Deployment): ComposeOptions {
  const { site, publish, migrate, mariadb, mongodb } = flags;
  return {
    publish: numberOf('--publish', publish, 65_535),
    migrate: migrate === undefined ? null : matching('--migrate', migrate, /^[^\r\n\0]+$/, 'one line'),
    mariadb: mariadb === undefined ? null : variableOf('--mariadb', mariadb),
    mongodb: mongodb === undefined ? null : variableOf('--mongodb', mongodb),
    secrets: flags.secret.map((name) => variableOf('--secret', name)),
    variables: flags.variable.map((text) => {
      const [name, value] = pairOf('--variable', text, 'NAME=value');
      return [variableOf('--variable', name), value];
    }),
    volumes: flags.volume.map((text) => {
      const [name, path] = pairOf('--volume', text, 'name=/path');
      return [matching('--volume', name, /^[a-z][a-z0-9-]+$/, 'name=/path'), pathOf('--volume', path)];
    }),
    profiles: flags.profile.map(profileOf),
    includes: flags.include.map((path) =>
      matching('--include', path, /^[\w./-]+$/, 'a path without spaces and quotes'),
    ),
    edge: edgeOf({ ...flags, site: site ?? `${deployment.name}-compose` }, deployment),
  };
}

function variableOf(flag: string, text: string): string {
  return matching(flag, text, VARIABLE, 'a name of capital letters, digits and _');
}

function pairOf(flag: string, text: string, takes: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0 && !/[\r\n\0]/.test(text)) return [text.slice(0, at), text.slice(at + 1)];
  throw new SettingError(`${flag} is "${text}"`, `it takes ${takes}`);
}

function profileOf(text: string): Profile {
  const profile = PROFILES.find((name) => name === text);
  if (profile !== undefined) return profile;
  throw new SettingError(`--profile is "${text}"`, `it takes ${PROFILES.join(' or ')}`);
}
