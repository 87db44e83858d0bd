// What the machine needs for the units: a user, the folder of the variables, the rotation of logs.

import { dirname } from 'node:path';
import type { Deployment, GeneratedFile } from '../deployment.ts';
import { type SystemdOptions, userOf } from './unit.ts';

export function hostFiles(deployment: Deployment, { environmentFile }: SystemdOptions): GeneratedFile[] {
  const { name } = deployment;
  const folders = logFoldersOf(deployment);
  return [
    { path: `sysusers.d/${name}.conf`, content: sysusers(deployment) },
    ...(environmentFile === null
      ? []
      : [{ path: `tmpfiles.d/${name}.conf`, content: tmpfiles(deployment, environmentFile) }]),
    ...(folders.length === 0 ? [] : [{ path: `logrotate.d/${name}`, content: logrotate(deployment, folders) }]),
  ];
}

function sysusers(deployment: Deployment): string {
  const user = userOf(deployment);
  return `# The user of ${deployment.name}, who can log in nowhere. Written by tsgi generate; goes to /etc/sysusers.d.
u ${user} - "${deployment.name}" /var/lib/${deployment.name} -
`;
}

function tmpfiles(deployment: Deployment, environmentFile: string): string {
  const group = deployment.settings.group ?? userOf(deployment);
  return `# Where the variables of ${deployment.name} are, with its secrets: root writes them, the service reads them. The folders
# for data and logs are made by its unit. Written by tsgi generate; goes to /etc/tmpfiles.d.
d ${dirname(environmentFile)} 0750 root ${group} -
f ${environmentFile} 0640 root ${group} -
z ${environmentFile} 0640 root ${group} -
`;
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
