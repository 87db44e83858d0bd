// The options of tsgi generate that are about Nginx, as text and as what they mean.

import { isAbsolute } from 'node:path';
import { parseBind } from '@tsgi/core';
import type { Command } from 'commander';
import type { Deployment, Reachable } from '../generate/deployment.ts';
import {
  isSince,
  type NginxOptions,
  type NginxVersion,
  type StaticFiles,
  type TlsOptions,
} from '../generate/nginx/options.ts';
import { SettingError } from '../settings/setting-error.ts';

/** What all sites take, also the one of a Compose file. */
export interface EdgeFlags {
  readonly site?: string;
  readonly serverName: string;
  readonly static: string[];
  readonly immutable: string[];
  readonly cache: string[];
  readonly cacheSize: string;
  readonly sessionCookie: string[];
  readonly clientRate?: string;
  readonly clientConnections?: string;
  readonly api: string[];
  readonly main?: boolean;
}

/** What a site takes that is served by a machine, and not by a container. */
export interface NginxFlags extends EdgeFlags {
  readonly upstream: string[];
  readonly nginxVersion: string;
  readonly certificate?: string;
  readonly certificateKey?: string;
  readonly tlsProfile: string;
  readonly http3?: boolean;
  readonly acmeWebroot?: string;
}

export const collect = (value: string, before: string[]): string[] => [...before, value];

export function addEdgeFlags(command: Command): Command {
  return command
    .optionsGroup('Nginx:')
    .option('--site <name>', "Name of the site's file. Default: the name.")
    .option('--server-name <names>', 'Host names of the site, separated by spaces.', '_')
    .option('--static <path=folder>', 'Files that Nginx serves itself. Repeatable.', collect, [])
    .option('--immutable <path=folder>', 'The same, where names change with content: kept for a year.', collect, [])
    .option('--cache <path>', 'Caches as the application says: /prefix, =/path or ~pattern. Repeatable.', collect, [])
    .option('--cache-size <size>', 'What the cache may take on disk.', '256m')
    .option('--session-cookie <name>', 'A cookie whose requests go past the cache. Repeatable.', collect, [])
    .option('--client-rate <number>', 'Requests a second of one client; more than bursts get 429.')
    .option('--client-connections <number>', 'Connections of one client; more get 429.')
    .option('--api <path>', 'Below it an error of Nginx is JSON. Repeatable.', collect, [])
    .option('--main', 'Also nginx.conf, for an Nginx that does nothing else.');
}

export function addNginxFlags(command: Command): Command {
  return addEdgeFlags(command)
    .option('--upstream <bind>', 'A server of the application, in place of its bind. Repeatable.', collect, [])
    .option('--nginx-version <version>', 'The oldest Nginx that the files are for.', '1.22')
    .option('--certificate <path>', 'The certificate chain with which Nginx itself serves HTTPS, PEM.')
    .option('--certificate-key <path>', 'Its private key, PEM.')
    .option('--tls-profile <profile>', 'modern (TLS 1.3) or intermediate (and TLS 1.2).', 'intermediate')
    .option('--http3', 'HTTP/3 as well, from Nginx 1.25.1 on.')
    .option('--acme-webroot <folder>', 'Where certbot puts what the certificate authority asks for.');
}

export function edgeOf(flags: EdgeFlags, { name }: Deployment): NginxOptions {
  return {
    site: matching('--site', flags.site ?? name, /^[\w.-]+$/, 'a name of letters, digits, dots and dashes'),
    serverName: matching('--server-name', flags.serverName, HOST_NAMES, 'host names, separated by spaces'),
    files: [
      ...flags.static.map((text) => filesOf('--static', text, false)),
      ...flags.immutable.map((text) => filesOf('--immutable', text, true)),
    ],
    cache:
      flags.cache.length === 0
        ? null
        : {
            paths: flags.cache.map((path) => matching('--cache', path, PATHS, '/prefix, =/path or ~pattern')),
            size: sizeOf('--cache-size', flags.cacheSize),
            cookies: flags.sessionCookie.map((cookie) => matching('--session-cookie', cookie, /^[\w-]+$/, 'a name')),
          },
    clientRate: flags.clientRate === undefined ? null : numberOf('--client-rate', flags.clientRate, 100_000),
    clientConnections:
      flags.clientConnections === undefined ? null : numberOf('--client-connections', flags.clientConnections, 65_535),
    api: flags.api.map((path) => matching('--api', path, PATHS, '/prefix, =/path or ~pattern')),
    main: flags.main === true,
    service: null,
    upstreams: [],
    version: [1, 22, 0],
    tls: null,
    acmeWebroot: null,
  };
}

export function nginxOf(flags: NginxFlags, deployment: Deployment): NginxOptions {
  const version = versionOf(flags.nginxVersion);
  return {
    ...edgeOf(flags, deployment),
    upstreams: flags.upstream.map(upstreamOf),
    version,
    tls: tlsOf(flags, version),
    acmeWebroot: flags.acmeWebroot === undefined ? null : pathOf('--acme-webroot', flags.acmeWebroot),
  };
}

/** Words that stand in Nginx's configuration as they are. */
const HOST_NAMES = /^[\w.*~^$()|\\+?-]+( [\w.*~^$()|\\+?-]+)*$/;

/** Neither spaces nor quotes: a pattern with braces is quoted in the file. */
const PATHS = /^(=?\/|~)[^\s"'\\;#]*(\\[^\s"';#][^\s"'\\;#]*)*$/;

export function matching(flag: string, text: string, pattern: RegExp, takes: string): string {
  if (pattern.test(text)) return text;
  throw new SettingError(`${flag} is ${JSON.stringify(text)}`, `it takes ${takes}`);
}

/** A whole number from 1 to `most`. */
export function numberOf(flag: string, text: string, most: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw new SettingError(`${flag} is "${text}"`, `it takes a number from 1 to ${most}`);
}

function sizeOf(flag: string, text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,6})([kmg])b?$/i.exec(text) ?? [];
  if (digits === '') throw new SettingError(`${flag} is "${text}"`, 'it takes a size such as 256m or 2g');
  return Number(digits) * 1024 ** ' kmg'.indexOf(unit.toLowerCase());
}

function filesOf(flag: string, text: string, immutable: boolean): StaticFiles {
  const at = text.indexOf('=');
  const path = text.slice(0, at);
  const folder = text.slice(at + 1).replace(/\/$/, '');
  if (at > 0 && /^\/([\w.~%+-]+\/)+$/.test(path) && isPath(folder)) return { path, folder, immutable };
  throw new SettingError(`${flag} is "${text}"`, 'it takes /path/=/folder, without spaces and quotes');
}

function upstreamOf(text: string): Reachable {
  const bind = parseBind(text);
  if (bind.kind === 'unix' ? isPath(bind.path) : bind.kind === 'tcp' && bind.port !== 0) return bind as Reachable;
  throw new SettingError(`--upstream is "${text}"`, 'it takes host:port, or unix:/path');
}

function versionOf(text: string): NginxVersion {
  const [, major, minor, patch = 0] = /^(\d+)\.(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const version: NginxVersion = [Number(major), Number(minor), Number(patch)];
  if (major !== undefined && isSince(version, [1, 22, 0])) return version;
  throw new SettingError(`--nginx-version is "${text}"`, 'it takes 1.22 or a later one, such as 1.28');
}

function tlsOf(
  { certificate, certificateKey: key, tlsProfile, http3 }: NginxFlags,
  version: NginxVersion,
): TlsOptions | null {
  if (tlsProfile !== 'modern' && tlsProfile !== 'intermediate')
    throw new SettingError(`--tls-profile is "${tlsProfile}"`, 'it takes modern or intermediate');
  if (http3 && (certificate === undefined || !isSince(version, [1, 25, 1])))
    throw new SettingError('--http3 is given', 'give --certificate as well, and --nginx-version 1.25.1 or later');
  if (certificate === undefined && key === undefined) return null;
  if (certificate === undefined || key === undefined) {
    const [have, miss] =
      key === undefined ? ['--certificate', '--certificate-key'] : ['--certificate-key', '--certificate'];
    throw new SettingError(`${have} is given without ${miss}`, `give ${miss} as well`);
  }
  return {
    certificate: pathOf('--certificate', certificate),
    key: pathOf('--certificate-key', key),
    profile: tlsProfile,
    http3: http3 === true,
  };
}

export function pathOf(flag: string, path: string): string {
  if (isPath(path)) return path;
  throw new SettingError(`${flag} is "${path}"`, 'it takes an absolute path without spaces and quotes');
}

function isPath(path: string): boolean {
  return isAbsolute(path) && /^[\w./@%+:-]+$/.test(path);
}
