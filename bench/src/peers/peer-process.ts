// A compared server with all its processes: started, waited for, counted, pinned, ended.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cores } from '../cores.ts';
import type { Target } from '../servers.ts';
import { PEERS, type Peer, type PeerName, type Start } from './peers.ts';
import { cpuOf, pssOf, treeOf } from './process-tree.ts';
import { cleanEnvironment, type Site } from './site.ts';

/** Milliseconds that a server may take until its first answer, and until all its workers are there. */
const START_LIMIT = 20_000;
/** Milliseconds that a server may take to end when it is told to. */
const END_LIMIT = 4000;

export interface StartOptions {
  readonly site: Site;
  readonly cores: Cores;
  /**
   * Whether it gets a session of its own, as PM2 makes itself one: Linux divides a core among sessions first, and among
   * their processes then (autogroups, sched(7)). Default: true.
   */
  readonly apart?: boolean;
}

/** What is running, so that nothing of it outlives this process. */
const running = new Set<PeerProcess>();
process.once('exit', () => {
  for (const peer of running) peer.kill();
});

export class PeerProcess {
  readonly name: PeerName;
  readonly target: Target;
  /** Milliseconds from its command to its first answer. */
  coldStart: number = Number.NaN;
  readonly #start: Start;
  readonly #child: ChildProcess;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(name: PeerName, start: Start, { cores: { all }, apart = true }: StartOptions) {
    const { command, environment }: Peer = PEERS[name];
    this.name = name;
    this.target = { kind: 'tcp', port: start.port };
    this.#start = start;
    this.#environment = {
      ...cleanEnvironment(),
      NODE_ENV: 'production',
      PORT: String(start.port),
      WORKERS: String(start.workers),
      BENCH_COUNTS: countsOf(start),
      ...environment?.(start),
    };
    mkdirSync(countsOf(start));
    // It starts on all cores, wherever this process is, and is pinned when it has started.
    const anywhere = all.length === 0 ? [] : ['taskset', '-c', all.join()];
    const [program, ...words] = [...anywhere, ...command(start)];
    this.#child = spawn(program as string, words, {
      cwd: start.site.folder,
      env: this.#environment,
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: apart,
    });
    // A command that cannot be run has exited, too.
    this.#child.on('error', () => this.#child.emit('exit', this.#child.exitCode, this.#child.signalCode));
    running.add(this);
  }

  /** Resolves when it has given the right answers and all its workers are there. */
  static async start(name: PeerName, workers: number, options: StartOptions): Promise<PeerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-peer-'));
    const peer = new PeerProcess(name, { site: options.site, workers, port: await freePort(), folder }, options);
    try {
      await peer.#ready();
      return peer;
    } catch (error) {
      await peer.stop().catch(() => {});
      throw error;
    }
  }

  async #ready(): Promise<void> {
    const begun = performance.now();
    const { port, workers } = this.#start;
    const until = async (what: string, reached: () => boolean | Promise<boolean>): Promise<void> => {
      while (!(await reached())) {
        if (this.#failed) throw new Error(`${this.name} ended before it ${what}`);
        if (performance.now() - begun > START_LIMIT) throw new Error(`${this.name} has not ${what} in time`);
        await delay(5);
      }
    };
    let hello: string | null = null;
    await until('answered', async () => {
      hello = await ask(port, '/hello');
      return hello !== null;
    });
    this.coldStart = performance.now() - begun;
    await until(`started ${workers} workers`, () => this.counts().size >= workers);
    const page = await ask(port, '/cpu');
    if (!/^\{"hello": ?"world"\}\n?$/.test(hello ?? '') || !/^\{"key": ?"[0-9a-f]{64}"\}\n?$/.test(page ?? ''))
      throw new Error(`${this.name} answers ${hello} and ${page}`);
  }

  get workers(): number {
    return this.#start.workers;
  }

  /** The processes of the server: its own first, then all that it started. */
  tree(): number[] {
    return treeOf(this.#roots());
  }

  /** Requests that each worker has been asked so far, at most some 20 ms ago. */
  counts(): Map<string, number> {
    const folder = countsOf(this.#start);
    return new Map(readdirSync(folder).map((name) => [name, Number(readFileSync(join(folder, name), 'utf8'))]));
  }

  /** Puts all its processes on these cores; on none of them is anywhere. */
  pin(cores: readonly number[]): void {
    for (const pid of cores.length === 0 ? [] : this.tree()) {
      try {
        execFileSync('taskset', ['-acp', cores.join(), String(pid)], { stdio: 'ignore' });
      } catch (error) {
        // A process that has ended meanwhile needs no core.
        if (existsSync(`/proc/${pid}`)) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    const tree = this.tree();
    const { daemon }: Peer = PEERS[this.name];
    try {
      if (daemon !== undefined) await daemon.end(this.#start, this.#environment);
      else if (!this.#exited) {
        const gone = once(this.#child, 'exit');
        this.#child.kill('SIGTERM');
        await Promise.race([gone, delay(END_LIMIT, undefined, { ref: false })]);
      }
    } finally {
      this.kill(tree);
    }
  }

  /** Ends all its processes at once. */
  kill(tree: readonly number[] = this.tree()): void {
    kill(tree);
    running.delete(this);
    rmSync(this.#start.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #exited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Whether its command has ended although it should not have. */
  get #failed(): boolean {
    const { daemon }: Peer = PEERS[this.name];
    return this.#exited && (daemon === undefined || this.#child.exitCode !== 0);
  }

  #roots(): number[] {
    const { daemon }: Peer = PEERS[this.name];
    const own = this.#exited ? [] : [this.#child.pid as number];
    try {
      return daemon === undefined ? own : [daemon.pid(this.#start)];
    } catch {
      // It has not written its process id yet.
      return own;
    }
  }
}

/** CPU time of the processes in `tree`, in microseconds, and requests of all workers: read at one moment. */
export function sampleOf(peer: PeerProcess, tree: readonly number[]): { cpu: number; requests: number } {
  return { cpu: cpuOf(tree), requests: sum(peer.counts()) };
}

/** Bytes of memory of all its processes (PSS). */
export function memoryOf(peer: PeerProcess): number {
  return pssOf(peer.tree());
}

/** Requests of all workers. */
export function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}

function countsOf({ folder }: Start): string {
  return join(folder, 'counts');
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** A port that nobody had a moment ago: not every server tells which one it got. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The body of a 200, asked for once on a connection of its own; null for everything else. */
function ask(port: number, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const req = request({ host: '127.0.0.1', port, path, agent: false, timeout: 5000 }, (response) => {
      text(response).then(
        (body) => resolve(response.statusCode === 200 ? body : null),
        () => resolve(null),
      );
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(null));
    req.end();
  });
}
