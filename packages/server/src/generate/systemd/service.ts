// The service: how the server is started, reloaded, watched and stopped, and what it is held to.

import { dirname, normalize, relative, resolve } from 'node:path';
import { openFiles } from '../../settings/open-files.ts';
import type { SettingName, Settings } from '../../settings/table.ts';
import { type Deployment, variables } from '../deployment.ts';
import { literally, mode, quote, type SystemdOptions, sandbox, type Unit, userOf } from './unit.ts';

export function service(deployment: Deployment, options: SystemdOptions, unit: Unit): string {
  const { name, settings, given } = deployment;
  const { folder, isLink, nodeFolder, environmentFile } = options;
  const user = userOf(deployment);
  const environment: (readonly [string, string])[] = [
    ['NODE_ENV', 'production'],
    ['NODE_COMPILE_CACHE', `/var/cache/${name}`],
    ...(nodeFolder === null ? [] : [['PATH', `${nodeFolder}:/usr/local/bin:/usr/bin:/bin`] as const]),
    ...variables(withoutThoseOfTheUnit(given), {
      ...(isLink && byLink(deployment, folder)),
      bind: `systemd:${name}`,
    }),
  ];
  const lines = environment.map(([variable, value]) => `Environment=${quote(`${variable}=${value}`)}\n`);
  // Not quoted with the others: the %i of an instance is meant as one.
  if (settings.controlSocket === 'auto')
    lines.push(`Environment=TSGI_CONTROL_SOCKET=/run/${unit.runtime}/control.sock\n`);
  return `# The service of ${unit.name}. Written by tsgi generate from its settings; goes to
# /etc/systemd/system. Its user, where there is none: useradd --system --no-create-home --shell /usr/sbin/nologin ${user}

[Unit]
Description=${unit.name}
Requires=${unit.name}.socket
After=network.target ${unit.name}.socket
# What it waits for, such as a database, may come back at any time: it is tried for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
# The server tells systemd by the program systemd-notify.
NotifyAccess=all
User=${user}
${settings.group === null ? '' : `Group=${settings.group}\n`}${workingDirectory(name, options)}${lines.join('')}\
${environmentFile === null ? '' : `# They override those above. It is not read by others: it has the secrets.\nEnvironmentFile=${literally(environmentFile)}\n`}\
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

# A process that the machine has no memory left for does not end the others: the arbiter replaces a worker.
OOMPolicy=continue
MemoryMax=80%

# Its own folders, for the control socket, compiled code, and data: /run/${unit.runtime}, /var/cache/${name}, /var/lib/${name}.
RuntimeDirectory=${unit.runtime}
RuntimeDirectoryMode=0750
CacheDirectory=${name}
CacheDirectoryMode=0750
StateDirectory=${name}
StateDirectoryMode=0750
${writable(settings, folder)}UMask=${settings.umask === null ? '0077' : mode(settings.umask)}

${sandbox(deployment, options)}
[Install]
WantedBy=multi-user.target
`;
}

/** Code is loaded by the link, whole paths, and the folder to work in is one that stays: so a reload follows the link. */
function byLink({ settings, configFile }: Deployment, folder: string): Partial<Record<SettingName, string>> {
  const whole = (path: string): string => (/^\.{1,2}\//.test(path) ? `${folder}/${normalize(path)}` : path);
  return {
    ...(settings.app !== null && { app: whole(settings.app) }),
    ...(configFile !== null && { config: resolve(folder, relative(resolve(settings.chdir), configFile)) }),
  };
}

function workingDirectory(name: string, { folder, isLink }: SystemdOptions): string {
  return isLink ? `WorkingDirectory=/var/lib/${name}\n` : `WorkingDirectory=${literally(folder)}\n`;
}

/** Over the control socket it waits, and fails where the new generation does; a signal does neither. */
function reload({ controlSocket }: Settings, folder: string): string {
  return controlSocket === 'off' ? '/bin/kill -HUP $MAINPID' : `${literally(folder)}/node_modules/.bin/tsgi reload`;
}

/** What the units do in the server's place: they change the user, and make the socket. */
function withoutThoseOfTheUnit(given: Deployment['given']): Deployment['given'] {
  const { user, group, umask, socketOwner, socketMode, backlog, ...others } = given;
  return others;
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
      return log === undefined
        ? `ReadWritePaths=${literally(path)}\n`
        : `LogsDirectory=${literally(log)}\nLogsDirectoryMode=0750\n`;
    })
    .join('');
}
