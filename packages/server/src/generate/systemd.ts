// A service and its socket for systemd: the socket is there before the service starts and while it restarts, so nobody is
// refused. The options are those that Debian 12's systemd 252 and later ones know.

import { dirname, resolve } from 'node:path';
import { openFiles } from '../settings/open-files.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { type Deployment, type GeneratedFile, type Reachable, reachable, variables } from './deployment.ts';

/** What systemd must know that no setting says. */
export interface SystemdOptions {
  /** The folder that the application is installed in: absolute, with its node_modules. */
  readonly folder: string;
  /** The folder of the program node, where it is none of those in which systemd looks; else null. */
  readonly nodeFolder: string | null;
}

/** The service and its socket. For the folder `/etc/systemd/system`. */
export function systemdFiles(deployment: Deployment, options: SystemdOptions): GeneratedFile[] {
  const binds = reachable(deployment.settings);
  const runtime = runtimeFolder(deployment.name, binds);
  return [
    { path: `${deployment.name}.service`, content: service(deployment, options, runtime) },
    { path: `${deployment.name}.socket`, content: socket(deployment, binds) },
  ];
}

function service(deployment: Deployment, { folder, nodeFolder }: SystemdOptions, runtime: string): string {
  const { name, settings, given } = deployment;
  if (!folder.startsWith('/') || /[\s"'\\]/.test(folder)) {
    throw new SettingError(
      `the folder "${folder}" cannot stand in a unit file`,
      'give an absolute path without spaces and quotes',
    );
  }
  const user = settings.user ?? name;
  const environment: (readonly [string, string])[] = [
    ['NODE_ENV', 'production'],
    ['NODE_COMPILE_CACHE', `/var/cache/${name}`],
    ...(nodeFolder === null ? [] : [['PATH', `${nodeFolder}:/usr/local/bin:/usr/bin:/bin`] as const]),
    ...variables(withoutThoseOfTheUnit(given), {
      bind: `systemd:${name}`,
      ...(settings.controlSocket === 'auto' && { controlSocket: `/run/${runtime}/control.sock` }),
    }),
  ];
  return `# The service of ${name}. Written by tsgi generate from its settings; goes to
# /etc/systemd/system. Its user, where there is none: useradd --system --no-create-home --shell /usr/sbin/nologin ${user}

[Unit]
Description=${name}
Requires=${name}.socket
After=network.target ${name}.socket

[Service]
Type=notify
# The server tells systemd by the program systemd-notify.
NotifyAccess=all
User=${user}
${settings.group === null ? '' : `Group=${settings.group}\n`}WorkingDirectory=${literally(folder)}
${environment.map(([variable, value]) => `Environment=${quote(`${variable}=${value}`)}\n`).join('')}\
ExecStart=${literally(folder)}/node_modules/.bin/tsgi serve
ExecReload=${reload(settings, folder)}
# Only the arbiter is told to stop; it tells its workers.
KillMode=mixed
# The whole first generation, and then the drain, may take that long.
TimeoutStartSec=${startSeconds(settings)}
TimeoutStopSec=${stopSeconds(settings)}
Restart=on-failure
RestartSec=1
# Wrong settings do not mend themselves.
RestartPreventExitStatus=2
WatchdogSec=30
LimitNOFILE=${openFiles(settings)}

# Its own folders, for the control socket, compiled code, and data: /run/${runtime}, /var/cache/${name}, /var/lib/${name}.
RuntimeDirectory=${runtime}
RuntimeDirectoryMode=0750
CacheDirectory=${name}
StateDirectory=${name}
${writable(settings, folder)}UMask=${settings.umask === null ? '0027' : mode(settings.umask)}

# What it does not need. MemoryDenyWriteExecute is not among it: V8 compiles to memory that it then executes.
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
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** Over the control socket it waits, and fails where the new generation does; a signal does neither. */
function reload({ controlSocket }: Settings, folder: string): string {
  return controlSocket === 'off' ? '/bin/kill -HUP $MAINPID' : `${literally(folder)}/node_modules/.bin/tsgi reload`;
}

/** What the unit does in the server's place: it changes the user, and it starts in the folder. */
function withoutThoseOfTheUnit({ user, group, umask, ...others }: Deployment['given']): Deployment['given'] {
  return others;
}

function socket({ name, settings }: Deployment, binds: readonly Reachable[]): string {
  const [user, group] = settings.socketOwner?.split(':') ?? [];
  const unix = binds.some(({ kind }) => kind === 'unix')
    ? `SocketMode=${mode(settings.socketMode)}
SocketUser=${user ?? settings.user ?? name}
${group === undefined ? '# The group of the proxy, where it is not the one of that user.\n# SocketGroup=www-data\n' : `SocketGroup=${group}\n`}`
    : '';
  return `# The sockets of ${name}. Written by tsgi generate from its settings; goes to /etc/systemd/system.

[Unit]
Description=Sockets of ${name}

[Socket]
${binds.map((bind) => `ListenStream=${literally(listenStream(bind))}\n`).join('')}FileDescriptorName=${name}
Backlog=${settings.backlog}
${unix}
[Install]
WantedBy=sockets.target
`;
}

/** As systemd.socket(5) has it: a port alone is every address. */
function listenStream(bind: Reachable): string {
  if (bind.kind === 'unix') return bind.path;
  if (bind.host === '') return String(bind.port);
  return bind.host.includes(':') ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
}

/** Below /run. systemd removes it when the service stops, so none of the sockets may be in it. */
function runtimeFolder(name: string, binds: readonly Reachable[]): string {
  const isTaken = binds.some((bind) => bind.kind === 'unix' && bind.path.startsWith(`/run/${name}/`));
  return isTaken ? `${name}-control` : name;
}

function startSeconds({ workers, reloadBatch, startTimeout }: Settings): number {
  // With auto, as many workers as the machine there has processors; 64 are more than most have.
  const batches = Math.ceil((workers === 'auto' ? 64 : workers) / reloadBatch);
  return Math.ceil((batches * startTimeout) / 1000) + 5;
}

function stopSeconds({ drainDelay, gracefulTimeout }: Settings): number {
  return Math.ceil((drainDelay + gracefulTimeout) / 1000) + 10;
}

/** Folders of log files and of the pid file, which ProtectSystem=strict would make read-only. */
function writable({ logFile, accessLogfile, pidfile }: Settings, folder: string): string {
  const folders = [logFile, accessLogfile, pidfile]
    .filter((path) => path !== null && path !== '-' && !path.startsWith('/dev/'))
    .map((path) => dirname(resolve(folder, path as string)));
  return [...new Set(folders)]
    .map((path) => {
      // systemd makes this one, for the user of the service.
      const log = /^\/var\/log\/(.+)/.exec(path)?.[1];
      return log === undefined ? `ReadWritePaths=${literally(path)}\n` : `LogsDirectory=${literally(log)}\n`;
    })
    .join('');
}

function mode(bits: number): string {
  return bits.toString(8).padStart(4, '0');
}

/** `%` begins a specifier in a unit file. */
function literally(text: string): string {
  return text.replaceAll('%', '%%');
}

/** One word, as systemd.syntax(7) has it. */
function quote(text: string): string {
  return /[\s"'\\]/.test(text) ? `"${literally(text).replace(/["\\]/g, '\\$&')}"` : literally(text);
}
