// Containers of the end-to-end tests, by the docker CLI. Each is bounded, is removed when its test ends, and sees the
// workspace read-only under /srv/tsgi.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';

/** What a command in a container came to. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `tsgi` of the workspace, as a command line inside a container. */
export const TSGI = 'node --conditions=@tsgi/source /srv/tsgi/packages/server/src/cli.ts';

/** Why containers of `images` cannot be had here, for the option `skip` of a test; false where they can. */
export function missing(...images: string[]): string | false {
  if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status !== 0) return 'skipped: no Docker engine answers';
  const none = images.filter((image) => spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status);
  return none.length > 0 && `skipped: there is no image ${none.join(', ')}`;
}

/** A running container. */
export class Container {
  readonly name: string;
  /** Removes the container when its input ends: also when this process is killed. */
  readonly #remover: ChildProcess;

  private constructor(name: string) {
    this.name = name;
    this.#remover = spawn('sh', ['-c', 'cat; exec docker rm --force --volumes "$0"', name], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#remover.unref();
    (this.#remover.stdin as Socket).unref();
  }

  /** Starts one of `image`; `options` are those of `docker run`. It is removed when `t` ends. */
  static async start(t: Test, image: string, options: readonly string[], command: readonly string[] = []) {
    const container = new Container(`tsgi-e2e-${process.pid}-${randomBytes(4).toString('hex')}`);
    t.teardown(() => container.remove());
    const bounds = ['--memory=1g', '--pids-limit=512', '--volume', `${ROOT}:/srv/tsgi:ro`];
    await docker('run', '--detach', '--name', container.name, ...bounds, ...options, image, ...command);
    return container;
  }

  /** Runs a shell script in it and gives what it printed; throws when it fails. */
  async sh(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.try(script);
    if (status !== 0) throw new Error(`status ${status} of: ${script}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** Runs a shell script in it, whatever comes of it. */
  try(script: string): Promise<Ended> {
    return run('docker', ['exec', this.name, 'sh', '-c', script], ROOT);
  }

  /** Writes a file in it. */
  async write(path: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString('base64');
    await this.sh(
      `mkdir -p "$(dirname ${path})" && echo ${encoded} | base64 -d > ${path}.new && mv ${path}.new ${path}`,
    );
  }

  /** Repeats a script until `holds` says so of what it printed. Throws what it printed last, where that takes too long. */
  async until(script: string, holds: (stdout: string) => boolean, ms = 120_000): Promise<string> {
    const end = performance.now() + ms;
    for (;;) {
      const { stdout, stderr } = await this.try(script);
      if (holds(stdout.trimEnd())) return stdout.trimEnd();
      // Asking takes processor time from what is waited for.
      await delay(100);
      if (performance.now() > end) throw new Error(`still, after ${ms} ms: ${script}\n${stdout}${stderr}`);
    }
  }

  async remove(): Promise<void> {
    this.#remover.ref();
    this.#remover.stdin?.end();
    if (this.#remover.exitCode === null) await once(this.#remover, 'exit');
  }
}

async function docker(...args: string[]): Promise<void> {
  const { status, stderr } = await run('docker', args, ROOT);
  if (status !== 0) throw new Error(`docker ${args[0]}: ${stderr}`);
}
