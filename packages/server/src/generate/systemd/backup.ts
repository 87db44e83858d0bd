// Copies of the data, once a day.

import type { Deployment, GeneratedFile } from '../deployment.ts';
import { literally, type SystemdOptions, sandbox, userOf } from './unit.ts';

export function backupFiles(deployment: Deployment, options: SystemdOptions, program: string): GeneratedFile[] {
  const file = `${deployment.name}-backup`;
  return [
    { path: `${file}.service`, content: service(deployment, options, program) },
    { path: `${file}.timer`, content: timer(deployment) },
  ];
}

function service(deployment: Deployment, options: SystemdOptions, program: string): string {
  const { name, settings } = deployment;
  const { environmentFile } = options;
  return `# A backup of ${name}. Written by tsgi generate; goes to /etc/systemd/system. By hand: systemctl start ${name}-backup

[Unit]
Description=Backup of ${name}
After=network.target

[Service]
Type=oneshot
User=${userOf(deployment)}
${settings.group === null ? '' : `Group=${settings.group}\n`}Environment=NODE_ENV=production
${environmentFile === null ? '' : `EnvironmentFile=${literally(environmentFile)}\n`}WorkingDirectory=/var/lib/${name}
ExecStart=${literally(program)} /var/lib/${name}-backups
# What it copies, and where to.
StateDirectory=${name} ${name}-backups
StateDirectoryMode=0750
UMask=0077
# It waits for those who serve.
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=1h

${sandbox(deployment, options)}`;
}

function timer({ name }: Deployment): string {
  return `# When ${name} is backed up. Written by tsgi generate; goes to /etc/systemd/system.

[Unit]
Description=Daily backup of ${name}

[Timer]
OnCalendar=daily
# Not all machines at midnight.
RandomizedDelaySec=1h
# One that was missed, because the machine was off, is made up for.
Persistent=yes

[Install]
WantedBy=timers.target
`;
}
