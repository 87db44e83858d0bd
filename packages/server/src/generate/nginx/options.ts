// What a site of Nginx is made of besides the settings of the server, and the names that its files share.

import type { Deployment, Reachable } from '../deployment.ts';

/** What Nginx must know that no setting says. */
export interface NginxOptions {
  /** The name of the site's file, where one application has several to choose from. */
  readonly site: string;
  /** Host names of the site, with spaces between them; `_` for whatever no other site has. */
  readonly serverName: string;
  /** Where Nginx serves HTTPS itself; null where it does not. */
  readonly tls: TlsOptions | null;
  /** The oldest Nginx that the files are for: 1.22 is `[1, 22, 0]`. */
  readonly version: NginxVersion;
  /** Containers of one service on a network of Docker: Nginx asks Docker's name server for those that there are. */
  readonly service: string | null;
  /** Servers of the same application, in place of the bind of the settings. */
  readonly upstreams: readonly Reachable[];
  /** Where an ACME client such as certbot puts what the certificate authority asks for; null for none. */
  readonly acmeWebroot: string | null;
  readonly files: readonly StaticFiles[];
  /** null where nothing is cached. */
  readonly cache: CacheOptions | null;
  /** Requests a second of one client; null for no limit. */
  readonly clientRate: number | null;
  /** Connections of one client; null for no limit. */
  readonly clientConnections: number | null;
  /** Paths below which an error of Nginx is JSON. */
  readonly api: readonly string[];
  /** Whether nginx.conf is among the files. */
  readonly main: boolean;
}

export type NginxVersion = readonly [number, number, number];

export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
  /** As Mozilla has them: TLS 1.3 alone, or TLS 1.2 as well. */
  readonly profile: 'modern' | 'intermediate';
  readonly http3: boolean;
}

/** Files that Nginx serves itself. What is not in the folder is the application's. */
export interface StaticFiles {
  /** Begins and ends with `/`. */
  readonly path: string;
  readonly folder: string;
  /** Whether the name of a file changes with its content. */
  readonly immutable: boolean;
}

export interface CacheOptions {
  /** Bytes on disk. */
  readonly size: number;
  /** What may be cached, as `location` has it: `/prefix`, `=/path` or `~pattern`. */
  readonly paths: readonly string[];
  /** Cookies that make an answer somebody's own. */
  readonly cookies: readonly string[];
}

/** Where the folder of these files is on the machine that runs Nginx. */
export const NGINX_FOLDER = '/etc/nginx';

/** Whether `version` is `wanted` or newer. */
export function isSince(version: NginxVersion, wanted: NginxVersion): boolean {
  const at = version.findIndex((part, i) => part !== wanted[i]);
  return at < 0 || (version[at] as number) > (wanted[at] as number);
}

/** A variable of this application: no other site has its name. */
export function variable({ name }: Deployment, meaning: string): string {
  return `$${name.replaceAll('-', '_')}_${meaning}`;
}

/** The path of a snippet in `include`, from the folder of nginx.conf. */
export function snippet({ name }: Deployment, file: string): string {
  return `snippets/${name}/${file}.conf`;
}

/** The first line of each file. */
export function head(text: string): string {
  return `# ${text} Written by tsgi generate.\n`;
}

/** Bytes, as Nginx has them. */
export function sizeOf(bytes: number): string {
  if (bytes % (1024 * 1024) === 0) return `${bytes / 1024 / 1024}m`;
  return bytes % 1024 === 0 ? `${bytes / 1024}k` : String(bytes);
}

/** Lines of a block. */
export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
