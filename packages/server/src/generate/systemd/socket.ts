// The sockets of a service, which systemd holds.

import type { Deployment } from '../deployment.ts';
import { mode, type Unit, userOf } from './unit.ts';

export function socket(deployment: Deployment, unit: Unit): string {
  const { name, settings } = deployment;
  const [user, group] = settings.socketOwner?.split(':') ?? [];
  const unix = unit.hasUnix
    ? `SocketMode=${mode(settings.socketMode)}
SocketUser=${user || userOf(deployment)}
${group === undefined ? '# The group of the proxy, where it is not the one of that user.\n# SocketGroup=www-data\n' : `SocketGroup=${group}\n`}`
    : '';
  return `# The sockets of ${unit.name}. Written by tsgi generate from its settings; goes to /etc/systemd/system.

[Unit]
Description=Sockets of ${unit.name}

[Socket]
${unit.listen.map((address) => `ListenStream=${address}\n`).join('')}FileDescriptorName=${name}
Backlog=${settings.backlog}
${unix}
[Install]
WantedBy=sockets.target
`;
}
