// What all units of one application share: their names and folders, and what they may not do.

import { dirname } from 'node:path';
import type { Deployment, Reachable } from '../deployment.ts';

/** What systemd must know that no setting says. */
export interface SystemdOptions {
  /** The folder that the application is installed in: absolute, with its node_modules. */
  readonly folder: string;
  /** Whether that folder is a link, which a deployment moves to another release. */
  readonly isLink: boolean;
  /** The folder of the program node, where it is none of those in which systemd looks; else null. */
  readonly nodeFolder: string | null;
  /** A file of variables that must be there; null for none. */
  readonly environmentFile: string | null;
  /** Whether the application reaches nothing, and is reached by nothing, but over Unix sockets. */
  readonly unixOnly: boolean;
  /** Whether there are units for several instances beside the one. */
  readonly instances: boolean;
  /** A program that is run once a day with the folder for its copies; null for none. */
  readonly backup: string | null;
  /** Whether what the machine needs for the units is among the files: a user, folders, the rotation of logs. */
  readonly hostFiles: boolean;
}

/** Which of the two the units are for: the application alone, or one instance of several. */
export interface Unit {
  /** The unit's file, without its type: `shop`, or `shop@`. */
  readonly file: string;
  /** The unit's name in other units: `shop`, or `shop@%i`. */
  readonly name: string;
  /** Its folder below /run. systemd removes it when the service stops, so none of the sockets may be in it. */
  readonly runtime: string;
  /** Where its socket listens, as systemd.socket(5) has it. */
  readonly listen: readonly string[];
  /** Whether one of those is a Unix socket. */
  readonly hasUnix: boolean;
}

/** The application alone. */
export function singleUnit(name: string, binds: readonly Reachable[]): Unit {
  const isTaken = binds.some((bind) => bind.kind === 'unix' && bind.path.startsWith(`/run/${name}/`));
  return {
    file: name,
    name,
    runtime: isTaken ? `${name}-control` : name,
    listen: binds.map(listenStream),
    hasUnix: binds.some(({ kind }) => kind === 'unix'),
  };
}

/** One of several: `/run/shop/app-%i.sock` for `/run/shop/app.sock`. It has no port, which nothing would tell apart. */
export function instanceUnit(name: string, binds: readonly Reachable[]): Unit {
  const paths = binds.filter(({ kind }) => kind === 'unix').map(listenStream);
  return {
    file: `${name}@`,
    name: `${name}@%i`,
    runtime: `${name}-%i-control`,
    listen: paths.map((path) => path.replace(/(\.[^./]*)?$/, '-%i$1')),
    hasUnix: true,
  };
}

/** As systemd.socket(5) has it: a port alone is every address. */
function listenStream(bind: Reachable): string {
  if (bind.kind === 'unix') return literally(bind.path);
  if (bind.host === '') return String(bind.port);
  return literally(bind.host.includes(':') ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`);
}

/** Why a program is held to what it needs. */
export function sandbox({ name }: Deployment, options: SystemdOptions): string {
  const { folder, unixOnly } = options;
  const network = unixOnly
    ? `# It comes by its sockets from systemd, and connects to nothing but Unix sockets.
RestrictAddressFamilies=AF_UNIX
PrivateNetwork=yes
IPAddressDeny=any
# It sees the system, the application and the folders below, and nothing else. systemd-tmpfiles makes the first.
RootDirectory=${rootFolder(name)}
MountAPIVFS=yes
BindReadOnlyPaths=/usr /etc -/bin -/sbin -/lib -/lib64 ${seen(options)}
`
    : 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n';
  return `# What it does not need. MemoryDenyWriteExecute is not among it: V8 compiles to memory that it then executes.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=${/^\/(home|root)\//.test(`${folder}/`) ? 'read-only' : 'yes'}
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
${network}RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
`;
}

/** What is the root to a service that sees little; empty but for what is mounted there. */
export function rootFolder(name: string): string {
  return `/run/${name}-root`;
}

/** The application, with all its releases; and Node.js where it is in neither. */
function seen({ folder, isLink, nodeFolder }: SystemdOptions): string {
  return [isLink ? dirname(folder) : folder, ...(nodeFolder === null ? [] : [nodeFolder])].map(literally).join(' ');
}

/** The user of the service. */
export function userOf({ name, settings }: Deployment): string {
  return settings.user ?? name;
}

/** `%` begins a specifier in a unit file. */
export function literally(text: string): string {
  return text.replaceAll('%', '%%');
}

/** One word, as systemd.syntax(7) has it. */
export function quote(text: string): string {
  return /[\s"'\\]/.test(text) ? `"${literally(text).replace(/["\\]/g, '\\$&')}"` : literally(text);
}

export function mode(bits: number): string {
  return bits.toString(8).padStart(4, '0');
}
