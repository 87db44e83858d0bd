// The files for Nginx, systemd and Compose in this repository, and the commands of tsgi that print them for Movie Quotes.
// Run as a program it writes them: `pnpm run generate`. With --check it writes nothing, names what differs, and exits with 1.

import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { ROOT } from './markdown.ts';

/** What all sites share: which paths are whose, what may be kept, and how much a client may ask for. */
const EDGE = [
  ...['--immutable', '/assets/=/opt/movie-quotes/assets'],
  ...[
    '=/',
    '=/cache-me',
    '=/quotes',
    '=/trending',
    '/assets/',
    '/docs',
    '=/feed.xml',
    '=/robots.txt',
    '/sitemap',
  ].flatMap((path) => ['--cache', path]),
  ...['~^/films(/[0-9]+)?$', '~^/quotes/[0-9]+/card\\.png$', '~^/api/v1/(quotes|films)(/[0-9]+)?$'].flatMap((path) => [
    '--cache',
    path,
  ]),
  ...['--session-cookie', 'mq_admin'],
  ...['--client-rate', '50', '--client-connections', '100'],
  ...['--api', '/api/'],
  ...['--limit-body', '1m'],
];

const SITE = [...EDGE, '--acme-webroot', '/var/www/letsencrypt', '--main'];
const UNIX = ['--bind', 'unix:/run/movie-quotes/app.sock'];

const LETSENCRYPT = '/etc/letsencrypt/live/quotes.example.org';
const TLS = [
  ...['--server-name', 'quotes.example.org', '--tls-profile', 'modern'],
  ...['--certificate', `${LETSENCRYPT}/fullchain.pem`, '--certificate-key', `${LETSENCRYPT}/privkey.pem`],
];

const UNITS = [
  ...['--folder', '/opt/movie-quotes/current', '--link', '--environment-file', '/etc/movie-quotes/env'],
  ...['--socket-owner', 'movie-quotes:www-data', '--workers', 'auto', '--limit-body', '1m'],
  ...['--log-file', '/var/log/movie-quotes/app_logs.log'],
  ...['--instances', '--backup', '/opt/movie-quotes/current/deploy/backup'],
];

const LOG_FILE = '/var/log/movie-quotes/app_logs.log';

const SERVICES = [
  ...['--mariadb', 'DATABASE', '--mongodb', 'MONGODB', '--secret', 'SESSION_SECRET', '--secret', 'API_TOKEN'],
  ...['--migrate', 'quotes migrate up; quotes assets /opt/movie-quotes/assets'],
  ...['--volume', 'data=/var/lib/movie-quotes'],
  // The application's lines and the server's, those of all containers.
  ...['--log-file', LOG_FILE, '--variable', `LOG_FILE=${LOG_FILE}`],
  ...['--profile', 'minimal', '--profile', 'unix', '--include', 'deploy/observability/compose.yaml'],
];

export interface Command {
  /** Where its files go, from the root. */
  readonly folder: string;
  /** The words after `tsgi generate`. */
  readonly words: readonly string[];
}

/** Several of them print the same snippets, byte for byte. */
export const COMMANDS: readonly Command[] = [
  { folder: 'nginx', words: ['nginx', ...SITE, ...UNIX, '--site', 'movie-quotes-unix'] },
  { folder: 'nginx', words: ['nginx', ...SITE, '--bind', '127.0.0.1:5000', '--site', 'movie-quotes-tcp'] },
  { folder: 'nginx', words: ['nginx', ...SITE, ...UNIX, ...TLS, '--site', 'movie-quotes-tls'] },
  {
    folder: 'nginx',
    words: ['nginx', ...SITE, ...UNIX, ...TLS, '--nginx-version', '1.25.1', '--http3', '--site', 'movie-quotes-http3'],
  },
  {
    folder: 'nginx',
    words: [
      ...['nginx', ...SITE, '--site', 'movie-quotes-instances'],
      ...['1', '2'].flatMap((i) => ['--upstream', `unix:/run/movie-quotes/app-${i}.sock`]),
      ...['--upstream', '127.0.0.1:5000'],
    ],
  },
  {
    folder: '.',
    words: ['compose', ...EDGE, '--main', '--bind', ':5000', '--publish', '5000', ...SERVICES],
  },
  { folder: 'systemd', words: ['systemd', ...UNITS, ...UNIX, '--unix-only', '--host-files'] },
  { folder: 'systemd/tcp', words: ['systemd', ...UNITS, ...UNIX, '--bind', '127.0.0.1:5000'] },
];

/** A command as one types it in the folder of Movie Quotes. */
export function lineOf({ words }: Command): string {
  const quoted = words.map((word) => (/^[\w./:=@-]+$/.test(word) ? word : `'${word}'`));
  return `tsgi generate ${quoted.join(' ')}`;
}

const CLI = join(ROOT, 'packages/server/src/cli.ts');

/** What a command prints, by path from the root. Throws what it says where it fails. */
export async function filesOf(command: Command): Promise<Map<string, string>> {
  const output = await mkdtemp(join(tmpdir(), 'tsgi-files-'));
  try {
    const args = ['--conditions=@tsgi/source', CLI, 'generate', ...command.words, '--output', output];
    const { status, stderr } = await run(process.execPath, args, join(ROOT, 'packages/app-movie-quotes'));
    if (status !== 0) throw new Error(`${lineOf(command)}: ${stderr}`);
    const paths = globSync('**', { cwd: output, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(output.length + 1));
    return new Map(paths.map((path) => [join(command.folder, path), readFileSync(join(output, path), 'utf8')]));
  } finally {
    rmSync(output, { recursive: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const check = process.argv.includes('--check');
  for (const command of COMMANDS) {
    for (const [path, content] of await filesOf(command)) {
      const file = join(ROOT, path);
      if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
      console.error(check ? `${path} is not what it should be; to write it anew: pnpm run generate` : path);
      if (check) process.exitCode = 1;
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
      }
    }
  }
}
