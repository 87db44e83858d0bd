// tsgi generate: files for Nginx, systemd and Compose, made of the effective settings.

import { delimiter, dirname, isAbsolute, resolve } from 'node:path';
import type { Command } from 'commander';
import { composeFiles } from '../generate/compose.ts';
import { type Deployment, deploymentOf, type GeneratedFile } from '../generate/deployment.ts';
import { nginxFiles } from '../generate/nginx.ts';
import { systemdFiles } from '../generate/systemd.ts';
import { writeFiles } from '../generate/write.ts';
import { resolveSettings } from '../settings/resolve.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { type AddCommand, type Flags, withApp, withSettings } from './command.ts';

/** Where systemd looks for programs (systemd.exec(5), ExecSearchPath=). */
const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface OutputFlags extends Flags {
  readonly output?: string;
  readonly force?: boolean;
}

/** Makes the files of one target from its own flags. */
type Generate<Own> = (deployment: Deployment, own: Own) => GeneratedFile[];

export const addGenerate: AddCommand = (program) => {
  const generate = program
    .command('generate')
    .description('Print or write files for Nginx, systemd or Compose, for these settings.');

  target<{ serverName: string; certificate?: string; certificateKey?: string }>(
    generate
      .command('nginx')
      .description('A site for Nginx, and its error page. Their folder is /etc/nginx.')
      .optionsGroup('Nginx:')
      .option('--server-name <names>', 'Host names of the site, separated by spaces.', '_')
      .option('--certificate <path>', 'The certificate chain with which Nginx itself serves HTTPS, PEM.')
      .option('--certificate-key <path>', 'Its private key, PEM.'),
    (deployment, { serverName, certificate, certificateKey }) =>
      nginxFiles(deployment, {
        serverName: words('--server-name', serverName),
        tls: tlsOf(certificate, certificateKey),
        service: null,
      }),
  );

  target<{ folder?: string }>(
    generate
      .command('systemd')
      .description('A service and its socket for systemd. Their folder is /etc/systemd/system.')
      .optionsGroup('systemd:')
      .option('--folder <path>', 'Where the application will be installed. Default: the folder to work in.'),
    (deployment, { folder }) => systemdFiles(deployment, installationOf(folder, deployment.settings)),
  );

  target<{ publish: string }>(
    generate
      .command('compose')
      .description("A Compose file, and the site of its Nginx. Their folder is the application's own.")
      .optionsGroup('Compose:')
      .option('--publish <port>', 'The port of this machine on which Nginx is reached.', '8080'),
    (deployment, { publish }) => composeFiles(deployment, { publish: portOf(publish) }),
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

function tlsOf(certificate: string | undefined, key: string | undefined): { certificate: string; key: string } | null {
  if (certificate === undefined && key === undefined) return null;
  if (certificate === undefined || key === undefined) {
    const [have, miss] =
      key === undefined ? ['--certificate', '--certificate-key'] : ['--certificate-key', '--certificate'];
    throw new SettingError(`${have} is given without ${miss}`, `give ${miss} as well`);
  }
  return { certificate: pathOf('--certificate', certificate), key: pathOf('--certificate-key', key) };
}

function pathOf(flag: string, path: string): string {
  if (isAbsolute(path) && /^[\w./@%+:-]+$/.test(path)) return path;
  throw new SettingError(`${flag} is "${path}"`, 'it takes an absolute path without spaces and quotes');
}

/** Words that stand in Nginx's configuration as they are. */
function words(flag: string, text: string): string {
  if (/^[\w.*~^$()|\\+?-]+( [\w.*~^$()|\\+?-]+)*$/.test(text)) return text;
  throw new SettingError(`${flag} is "${text}"`, 'it takes host names, separated by spaces');
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new SettingError(`--publish is "${text}"`, 'it takes a port from 1 to 65535');
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
