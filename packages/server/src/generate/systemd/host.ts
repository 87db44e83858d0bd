// What the machine needs for the units: a user, the folder of the variables, the rotation of logs.

import { dirname } from 'node:path';
import type { Deployment, GeneratedFile } from '../deployment.ts';
import { rootFolder, type SystemdOptions, userOf } from './unit.ts';

export function hostFiles(deployment: Deployment, options: SystemdOptions): GeneratedFile[] {
  const { name } = deployment;
  const folders = logFoldersOf(deployment);
  return [
    ...(options.hostFiles ? [{ path: `sysusers.d/${name}.conf`, content: sysusers(deployment) }] : []),
    // A service that sees little cannot start without its root.
    ...(options.unixOnly || (options.hostFiles && options.environmentFile !== null)
      ? [{ path: `tmpfiles.d/${name}.conf`, content: tmpfiles(deployment, options) }]
      : []),
    ...(options.hostFiles && folders.length > 0
      ? [{ path: `logrotate.d/${name}`, content: logrotate(deployment, folders) }]
      : []),
  ];
}

function sysusers(deployment: Deployment): string {
  const user = userOf(deployment);
  return `# The user of ${deployment.name}, who can log in nowhere. Written by tsgi generate; goes to /etc/sysusers.d.
u ${user} - "${deployment.name}" /var/lib/${deployment.name} -
`;
}

function tmpfiles(deployment: Deployment, { environmentFile, unixOnly }: SystemdOptions): string {
  const { name, settings } = deployment;
  const group = settings.group ?? userOf(deployment);
  const root = unixOnly
    ? `# The root of a service that sees little else.\nd ${rootFolder(name)} 0755 root root -\n`
    : '';
  const variables =
    environmentFile === null
      ? ''
      : `# The variables, with their secrets: root writes them, the service reads them.
d ${dirname(environmentFile)} 0750 root ${group} -
f ${environmentFile} 0640 root ${group} -
z ${environmentFile} 0640 root ${group} -
`;
  return `# Folders of ${name}, but for data and logs, which its unit makes. Written by tsgi generate; goes to /etc/tmpfiles.d.
${root}${variables}`;
}

function logFoldersOf({ settings: { logFile, accessLogfile } }: Deployment): string[] {
  const files = [logFile, accessLogfile].filter((path): path is string => path?.startsWith('/var/log/') === true);
  return [...new Set(files.map(dirname))];
}

function logrotate(deployment: Deployment, folders: readonly string[]): string {
  const { name, settings } = deployment;
  const user = userOf(deployment);
  return `# The logs of ${name}. Written by tsgi generate; goes to /etc/logrotate.d.
${folders.map((folder) => `${folder}/*.log`).join(' ')} {
    daily
    rotate 14
    compress
    # Workers may still have a line for the old file.
    delaycompress
    missingok
    notifempty
    create 0640 ${user} ${settings.group ?? user}
    # The folder belongs to that user, who must not lead root elsewhere.
    su ${user} ${settings.group ?? user}
    sharedscripts
    postrotate
        systemctl kill --signal=USR1 --kill-whom=main '${name}.service' '${name}@*.service' 2>/dev/null || true
    endscript
}
`;
}
