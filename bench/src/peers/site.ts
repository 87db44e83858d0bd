// Where the compared servers stand: npm and pip install them once, into a folder that git does not know, and `tsgi` comes
// from the tarballs of this workspace each time.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '../../..');
const PROGRAMS = join(ROOT, 'bench/peers');
const CACHE = join(ROOT, 'bench/node_modules/.cache/peers');

/** Everything that is needed to start a server. */
export interface Site {
  /** The folder with the programs and what they import. Servers work there. */
  readonly folder: string;
  /** The command line of `tsgi`, as it is published. */
  readonly tsgi: string;
  /** Bytes on the disk of `tsgi` with all that it depends on. */
  readonly installed: number;
  /** The folder of Python's commands; null where there is no Python, or pip could not install. */
  readonly python: string | null;
  /** Names and versions, for the record. */
  readonly versions: readonly string[];
  /** Removes what belongs to this run alone. */
  remove(): void;
}

/** Installs what is missing. `say` gets a line for each step, and for what has to be left out. */
export async function prepareSite(say: (text: string) => void): Promise<Site> {
  const folder = await installPeers(say);
  const work = mkdtempSync(join(tmpdir(), 'tsgi-bench-site-'));
  const remove = (): void => rmSync(work, { recursive: true, force: true });
  process.once('exit', remove);
  say('building and packing tsgi');
  await packTsgi(work);
  const modules = join(work, 'node_modules');
  const python = join(folder, 'venv/bin');
  return {
    folder,
    tsgi: join(modules, 'tsgi/dist/cli.js'),
    installed: await diskUsage(modules),
    python: existsSync(join(python, 'gunicorn')) ? python : null,
    versions: await versionsOf(folder, existsSync(python) ? python : null),
    remove,
  };
}

/** npm's and pip's part. Its folder's name tells what it was made of, so a change of a version makes another one. */
async function installPeers(say: (text: string) => void): Promise<string> {
  const manifests = ['package.json', 'requirements.txt'].map((name) => readFileSync(join(PROGRAMS, name), 'utf8'));
  const made = createHash('sha256')
    .update([process.version, ...manifests].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const folder = join(CACHE, made);
  const done = join(folder, 'installed');
  if (!existsSync(done)) {
    say(`installing the peers into ${folder}: once, about half a minute`);
    rmSync(CACHE, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    copyPrograms(folder);
    await npmInstall(folder, []);
    try {
      await run('python3', ['-m', 'venv', 'venv'], { cwd: folder });
      await run('venv/bin/pip', ['install', '-q', '--disable-pip-version-check', '-r', 'requirements.txt'], {
        cwd: folder,
      });
      writeFileSync(done, '');
    } catch (error) {
      // Not marked as done: another run tries again.
      say(`gunicorn and uvicorn are left out, Python or pip says: ${lastLine(error)}`);
      rmSync(join(folder, 'venv'), { recursive: true, force: true });
    }
  }
  copyPrograms(folder);
  return folder;
}

function copyPrograms(folder: string): void {
  for (const { name } of readdirSync(PROGRAMS, { withFileTypes: true }).filter((entry) => entry.isFile()))
    copyFileSync(join(PROGRAMS, name), join(folder, name));
}

/** Builds and packs what is published of this workspace, and installs the tarballs as a user would. */
async function packTsgi(work: string): Promise<void> {
  await pnpm(['run', 'build'], ROOT);
  const folders = readdirSync(join(ROOT, 'packages'))
    .map((name) => join(ROOT, 'packages', name))
    .filter((folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).private !== true);
  const out = join(work, 'tarballs');
  mkdirSync(out);
  for (const folder of folders) await pnpm(['pack', '--pack-destination', out], folder);
  writeFileSync(join(work, 'package.json'), '{ "private": true, "type": "module" }\n');
  await npmInstall(
    work,
    readdirSync(out).map((name) => join(out, name)),
  );
}

async function pnpm(words: readonly string[], cwd: string): Promise<void> {
  await command('npx', ['-y', 'pnpm@12', ...words], cwd);
}

async function npmInstall(cwd: string, what: readonly string[]): Promise<void> {
  await command('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...what], cwd);
}

async function command(name: string, words: readonly string[], cwd: string): Promise<void> {
  try {
    await run(name, words, { cwd, env: cleanEnvironment(), maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    throw new Error(`${name} ${words.join(' ')} failed in ${cwd}: ${lastLine(error)}`);
  }
}

/** What is inherited, without what speaks to one of the servers or to npm, and with this Node as the first one. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TSGI_|npm_|PM2_|PLT_|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(inherited), PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
}

/** Bytes of disk that a folder takes. */
async function diskUsage(folder: string): Promise<number> {
  const { stdout } = await run('du', ['-sk', folder]);
  return Number.parseInt(stdout, 10) * 1024;
}

async function versionsOf(folder: string, python: string | null): Promise<string[]> {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const npm = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
  if (python === null) return npm;
  const { stdout } = await run(join(python, 'python'), ['--version']);
  const pip = readFileSync(join(folder, 'requirements.txt'), 'utf8').trim().replaceAll('==', ' ').split('\n');
  return [...npm, stdout.trim(), ...pip];
}

function lastLine(error: unknown): string {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string };
  return [stderr, stdout, message].map((text) => text?.trim().split('\n').at(-1)).find((line) => line) ?? '';
}
