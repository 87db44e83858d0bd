// All files of one application for systemd: a service and its socket, which is there before the service starts and while it
// restarts, so that nobody is refused. The options are those that Debian 12's systemd 252 and later ones know.

import { SettingError } from '../../settings/setting-error.ts';
import { type Deployment, type GeneratedFile, type Reachable, reachable } from '../deployment.ts';
import { backupFiles } from './backup.ts';
import { hostFiles } from './host.ts';
import { service } from './service.ts';
import { socket } from './socket.ts';
import { instanceUnit, type SystemdOptions, singleUnit, type Unit } from './unit.ts';

/** For the folder `/etc/systemd/system`; those of the host have folders of their own below /etc. */
export function systemdFiles(deployment: Deployment, options: SystemdOptions): GeneratedFile[] {
  const { name } = deployment;
  const binds = reachable(deployment.settings);
  checkFolder(options.folder);
  const units = [singleUnit(name, binds), ...(options.instances ? [instancesOf(name, binds)] : [])];
  return [
    ...units.flatMap((unit) => [
      { path: `${unit.file}.service`, content: service(deployment, options, unit) },
      { path: `${unit.file}.socket`, content: socket(deployment, unit) },
    ]),
    ...(options.backup === null ? [] : backupFiles(deployment, options, options.backup)),
    ...hostFiles(deployment, options),
  ];
}

function instancesOf(name: string, binds: readonly Reachable[]): Unit {
  const unit = instanceUnit(name, binds);
  if (unit.listen.length > 0) return unit;
  throw new SettingError('instances need a path to tell them apart', 'give one with --bind unix:/path');
}

function checkFolder(folder: string): void {
  if (folder.startsWith('/') && !/[\s"'\\]/.test(folder)) return;
  throw new SettingError(
    `the folder "${folder}" cannot stand in a unit file`,
    'give an absolute path without spaces and quotes',
  );
}
