// Stacks of the end-to-end tests: compose.yaml brought up as a project of its own, and removed with all that it made. The
// image is built once for all of them.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { type Ended, missing } from './container.ts';

/** Why stacks cannot be had here, for the option `skip` of a test; false where they can. */
export function noCompose(...images: string[]): string | false {
  if (spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status !== 0)
    return 'skipped: there is no docker compose';
  return missing('node:26-bookworm-slim', 'nginx:1.30', 'mariadb:11.8', 'mongo:8', ...images);
}

export interface StackOptions {
  /** Variables, as in .env. */
  readonly env?: Readonly<Record<string, string>>;
  /** The services to start with what they need, or none yet (`[]`). Default: those without a profile. */
  readonly services?: readonly string[];
  /** More words for `docker compose up`, such as `--scale`, `app=3`. */
  readonly up?: readonly string[];
  /** Compose files after compose.yaml, absolute paths. */
  readonly files?: readonly string[];
  /** The folder of compose.yaml. Default: the workspace. */
  readonly folder?: string;
  /** Default: {@link image}. */
  readonly image?: string;
}

/** A Compose project. */
export class Stack {
  readonly project: string = `tsgi-e2e-${process.pid}-${randomBytes(4).toString('hex')}`;
  readonly folder: string;
  readonly #env: Record<string, string>;
  readonly #files: readonly string[];
  /** Removes the project when its input ends: also when this process is killed. */
  readonly #remover: ChildProcess;

  private constructor(image: string, { env = {}, files = [], folder = ROOT }: StackOptions) {
    this.folder = folder;
    // Port 0: the kernel chooses a free one.
    this.#env = { IMAGE: image, PORT: '0', ...env };
    this.#files = files;
    const down = ['--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '5'];
    const [command, ...args] = this.#command(down);
    this.#remover = spawn('sh', ['-c', 'cat; exec "$@"', 'sh', command as string, ...args], {
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#remover.unref();
    (this.#remover.stdin as Socket).unref();
  }

  /** Starts the services and waits until they are healthy. All of it is removed when `t` ends. Throws what it logged where it fails. */
  static async up(t: Test, options: StackOptions = {}): Promise<Stack> {
    const stack = new Stack(options.image ?? (await image()), options);
    t.teardown(() => stack.remove());
    if (options.services?.length === 0) return stack;
    const started = await stack.try('up', '--detach', '--wait', ...(options.up ?? []), ...(options.services ?? []));
    if (started.status !== 0) throw new Error(`docker compose up: ${started.stderr}\n${await stack.logs()}`);
    return stack;
  }

  /** Runs `docker compose` with these words and gives what it printed; throws when it fails. */
  async compose(...words: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.try(...words);
    if (status !== 0) throw new Error(`status ${status} of: docker compose ${words.join(' ')}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** Runs `docker compose` with these words, whatever comes of it. */
  try(...words: string[]): Promise<Ended> {
    const [command, ...args] = this.#command(words);
    return run(command as string, args, this.folder);
  }

  /** Runs a shell script in a running service, or in the `index`th of its containers. */
  exec(service: string, script: string, index = 1): Promise<string> {
    return this.compose('exec', '--no-TTY', '--index', String(index), service, 'sh', '-c', script);
  }

  /** Where `port` of a service is reached. */
  async url(service = 'nginx', port = 80): Promise<string> {
    return `http://127.0.0.1:${/:(\d+)\s*$/m.exec(await this.compose('port', service, String(port)))?.[1]}`;
  }

  /** The names of a service's containers, also of those that do not run. */
  async containers(service: string): Promise<string[]> {
    const found = await this.compose('ps', '--all', '--format', '{{.Name}}', service);
    return found.split('\n').filter((name) => name !== '');
  }

  async logs(...services: string[]): Promise<string> {
    const { stdout, stderr } = await this.try('logs', '--no-color', ...services);
    return stdout + stderr;
  }

  async remove(): Promise<void> {
    this.#remover.ref();
    this.#remover.stdin?.end();
    if (this.#remover.exitCode === null) await once(this.#remover, 'exit');
  }

  #command(words: readonly string[]): string[] {
    const variables = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`);
    const files = ['compose.yaml', ...this.#files].flatMap((file) => ['--file', file]);
    return ['env', ...variables, 'docker', 'compose', '--project-name', this.project, ...files, ...words];
  }
}

/** Resolves to the first value of `ask` that `holds` is true of; an `ask` that throws is repeated. */
export async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean, ms = 60_000): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await ask().catch((error: unknown) => error as Error);
    if (!(value instanceof Error) && holds(value)) return value;
    if (performance.now() > end) {
      const found = value instanceof Error ? value.message : JSON.stringify(value);
      throw new Error(`still, after ${ms} ms: ${found.slice(-2000)}`);
    }
    // Asking takes processor time from what is waited for.
    await delay(100);
  }
}

/**
 * The image of Movie Quotes as its files are now: built where there is none, kept for the next test. `MOVIE_QUOTES_IMAGE`
 * names another one.
 */
export async function image(): Promise<string> {
  const { MOVIE_QUOTES_IMAGE: given } = process.env;
  if (given) return given;
  const tag = `movie-quotes:e2e-${await hashOfFiles()}`;
  if (spawnSync('docker', ['image', 'inspect', tag], { stdio: 'ignore' }).status === 0) return tag;
  const { status, stderr } = await run('docker', ['build', '--quiet', '--tag', tag, '.'], ROOT);
  if (status !== 0) throw new Error(`docker build: ${stderr}`);
  await removeOldImages();
  return tag;
}

/** Of what goes into the image, and a little more. */
async function hashOfFiles(): Promise<string> {
  const { stdout } = await run(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    ROOT,
  );
  const files = stdout
    .split('\0')
    .filter((path) => path !== '' && !/^(bench|docs|examples|test)\/|\/test\/|\.md$/.test(path));
  const hash = createHash('sha256');
  for (const path of files) {
    try {
      hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
    } catch {
      // It is in the index and not here.
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** Of earlier files; those that are not used, and that no test is about to use. */
async function removeOldImages(): Promise<void> {
  const { stdout } = await run('docker', ['images', '--format', '{{.Tag}} {{.CreatedAt}}', 'movie-quotes'], ROOT);
  for (const line of stdout.split('\n')) {
    const [, tag, made] = /^(e2e-\w+) (\S+ \S+ \S+)/.exec(line) ?? [];
    if (tag !== undefined && Date.parse(made as string) < Date.now() - 3600_000)
      await run('docker', ['rmi', `movie-quotes:${tag}`], ROOT);
  }
}
