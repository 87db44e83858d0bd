// tsgi generate: files for Nginx, systemd and Compose, made of the effective settings.

import { delimiter, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { composeFiles } from '../generate/compose/files.ts';
import { type Deployment, deploymentOf, type GeneratedFile } from '../generate/deployment.ts';
import { nginxFiles } from '../generate/nginx/files.ts';
import { systemdFiles } from '../generate/systemd/files.ts';
import type { SystemdOptions } from '../generate/systemd/unit.ts';
import { writeFiles } from '../generate/write.ts';
import { resolveSettings } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { type AddCommand, type Flags, withApp, withSettings } from './command.ts';
import { addComposeFlags, type ComposeFlags, composeOf } from './generate-compose.ts';
import { addNginxFlags, type NginxFlags, nginxOf, pathOf } from './generate-nginx.ts';

/** Where systemd looks for programs (systemd.exec(5), ExecSearchPath=). */
const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface OutputFlags extends Flags {
  readonly output?: string;
  readonly force?: boolean;
}

interface SystemdFlags {
  readonly folder?: string;
  readonly link?: boolean;
  readonly environmentFile?: string;
  readonly unixOnly?: boolean;
  readonly instances?: boolean;
  readonly backup?: string;
  readonly hostFiles?: boolean;
}

/** Makes the files of one target from its own flags. */
type Generate<Own> = (deployment: Deployment, own: Own) => GeneratedFile[];

export const addGenerate: AddCommand = (program) => {
  const generate = program
    .command('generate')
    .description('Print or write files for Nginx, systemd or Compose, for these settings.');

  target<NginxFlags>(
    addNginxFlags(
      generate
        .command('nginx')
        .description('A site for Nginx, what it includes, and its error pages. Their folder is /etc/nginx.'),
    ),
    (deployment, flags) => nginxFiles(deployment, nginxOf(flags, deployment)),
  );

  target<SystemdFlags>(
    generate
      .command('systemd')
      .description('A service and its socket for systemd. Their folder is /etc/systemd/system.')
      .optionsGroup('systemd:')
      .option('--folder <path>', 'Where the application will be installed. Default: the folder to work in.')
      .option('--link', 'That folder is a link, which a deployment moves to another release.')
      .option('--environment-file <path>', 'A file of variables, with secrets, that the service reads.')
      .option('--unix-only', 'The application reaches nothing but by Unix sockets: the unit allows no more.')
      .option('--instances', 'Also units for several instances, NAME@1 and so on.')
      .option('--backup <path>', 'A program to run once a day, with the folder for its copies.')
      .option('--host-files', 'Also what belongs into sysusers.d, tmpfiles.d and logrotate.d.'),
    (deployment, flags) => systemdFiles(deployment, systemdOf(flags, deployment.settings)),
  );

  target<ComposeFlags>(
    addComposeFlags(
      generate
        .command('compose')
        .description("A Compose file, and the site of its Nginx. Their folder is the application's own."),
    ),
    (deployment, flags) => composeFiles(deployment, composeOf(flags, deployment)),
  );
};

/** Completes the command of one target. */
function target<Own extends object>(command: Command, make: Generate<Own>): void {
  command
    .optionsGroup('Output:')
    .option('-o, --output <folder>', 'Writes the files into this folder. Default: they are printed.')
    .option('--force', 'Writes over files that are there.');
  const own = new Set(command.options.map((option) => option.attributeName()));
  withSettings(command).action(async (app: string | undefined, flags: OutputFlags & Own) => {
    const settings = Object.fromEntries(Object.entries(flags).filter(([name]) => !own.has(name)));
    const resolved = await resolveSettings({ flags: withApp(app, settings), env: process.env, cwd: process.cwd() });
    const files = make(deploymentOf(resolved), flags);
    if (flags.output === undefined) process.stdout.write(print(files));
    else for (const path of writeFiles(flags.output, files, flags.force === true)) process.stdout.write(`${path}\n`);
  });
}

/** All files one after the other, each under its path. */
function print(files: readonly GeneratedFile[]): string {
  return files.map(({ path, content }) => `==> ${path} <==\n${content}`).join('\n');
}

function systemdOf(flags: SystemdFlags, settings: Settings): SystemdOptions {
  const { folder, link, environmentFile, unixOnly, instances, backup, hostFiles } = flags;
  if (link && folder === undefined) throw new SettingError('--link is given without --folder', 'give --folder as well');
  return {
    ...installationOf(folder, settings),
    isLink: link === true,
    environmentFile: environmentFile === undefined ? null : pathOf('--environment-file', environmentFile),
    unixOnly: unixOnly === true,
    instances: instances === true,
    backup: backup === undefined ? null : pathOf('--backup', backup),
    hostFiles: hostFiles === true,
  };
}

/** Here, by the node that runs this; or elsewhere, by a node that systemd finds. */
function installationOf(
  folder: string | undefined,
  { chdir }: Settings,
): { folder: string; nodeFolder: string | null } {
  if (folder !== undefined) return { folder, nodeFolder: null };
  const node = dirname(process.execPath);
  return { folder: resolve(chdir), nodeFolder: SYSTEMD_PATH.split(delimiter).includes(node) ? null : node };
}
