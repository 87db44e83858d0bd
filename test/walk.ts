// Follows a page of the docs as a reader would, with a terminal for the server and another for commands: saves the files
// that it shows, runs its commands in their order, and looks whether they print what it says.
//
// ts, js, json   with `// app.ts` as its first line: that file
// sh server      runs in the background until the next one, or the end of the page; the page goes on when it serves
// sh run         runs to its end, with exit status 0; `sh run fails`: with another one
// text           after one of these: what it printed. `text log`: what is in the log of the server, by now or soon

import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { start } from './command.ts';
import { type Block, ROOT } from './markdown.ts';
import { compare, type Difference } from './same-output.ts';

/** The folders of the pages; each is made below a temporary one. The first is the application's. */
const FOLDERS = ['/srv/shop', '/tmp', '/run/shop', '/var/log/shop'] as const;
/** The ports of the pages; each has another one in its place. */
const PORTS = ['8000', '8001', '9464'] as const;

/** Milliseconds that a command, or a line of the log, may take. */
const PATIENCE = 30_000;

/** What a step found. */
export interface Step {
  readonly block: Block;
  /** What is wrong; empty when nothing is. */
  readonly problem: string;
}

/** Follows the blocks of one page; gives what each of them came to. */
export async function* walk(blocks: readonly Block[]): AsyncGenerator<Step> {
  const place = await makePlace();
  let server: Terminal | null = null;
  let printed: string | null = null;
  let config = '';
  try {
    for (const block of blocks) {
      const file = /^\/\/ ([\w.-]+)\n/.exec(block.code)?.[1];
      if (/^(js|ts|json)$/.test(block.language) && file !== undefined) {
        await writeFile(join(place.folder, file), place.enter(block.code));
        if (file.startsWith('tsgi.config')) config = block.code;
      } else if (block.tags.includes('server')) {
        await server?.end();
        // What a terminal shows. And without a bind it would listen on the port that others may have.
        const bind = /\bbind\b/i.test(block.code + config) ? {} : { TSGI_BIND: place.enter('127.0.0.1:8000') };
        const format = block.code.includes('--log-') ? {} : { TSGI_LOG_FORMAT: 'pretty' };
        server = new Terminal(place, block.code, { ...format, ...bind });
        printed = null;
        yield { block, problem: await server.serves() };
      } else if (block.tags.includes('run')) {
        const terminal: Terminal = new Terminal(place, block.code, {});
        const status = await terminal.status();
        printed = place.leave(terminal.output);
        const asked = block.tags.includes('fails') ? status !== 0 : status === 0;
        const left = await terminal.end();
        yield {
          block,
          problem: asked && !left ? '' : `exit status ${status}${left ? ', and processes left' : ''}\n${printed}`,
        };
      } else if (block.language === 'text' && !block.listing && (block.tags.includes('log') || printed === null)) {
        if (server !== null) yield { block, problem: await server.logs(block.code) };
      } else if (block.language === 'text' && !block.listing && printed !== null) {
        yield { block, problem: describe(compare(block.code, printed), printed) };
      }
    }
    if ((await server?.end()) === true) throw new Error('processes of the server are left');
    server = null;
  } finally {
    await server?.end();
    await place.clear();
  }
}

/** A machine of the page's own: its folders and ports. */
interface Place {
  readonly base: string;
  readonly folder: string;
  /** What a page says, as it is here. */
  enter(text: string): string;
  /** What is printed here, as a page says it. */
  leave(text: string): string;
  /** Whether a process group runs here. */
  holds(group: number, runs: boolean): void;
  /** Removes all of it. */
  clear(): Promise<void>;
}

// Ends what runs in a place and removes it when its input ends: also where this process was killed. Each line has the
// process groups that run.
const KEEPER = 'while read -r line; do groups=$line; done; [ -z "$groups" ] || kill -KILL -- $groups; rm -rf "$0"';

async function makePlace(): Promise<Place> {
  // Short, because Unix sockets are bound below it.
  const base = await mkdtemp(join(tmpdir(), 'walk-'));
  for (const folder of FOLDERS) await mkdir(join(base, folder), { recursive: true });
  const folder = join(base, FOLDERS[0]);
  await symlink(join(ROOT, 'test/node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  // On a terminal curl shows no progress; here it would.
  await writeFile(join(base, '.curlrc'), 'silent\nshow-error\n');
  const keeper = start('sh', ['-c', KEEPER, base], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const groups = new Set<number>();
  const ports = new Map<string, string>();
  for (const port of PORTS) ports.set(port, await freePort());
  const paths = new RegExp(`(?<![\\w.])(${FOLDERS.join('|')})(?![\\w-])`, 'g');
  const replacePorts = (text: string, from: string, to: string) =>
    text.replaceAll(new RegExp(`:${from}\\b`, 'g'), `:${to}`);
  return {
    base,
    folder,
    enter(text) {
      let entered = text.replace(paths, `${base}$1`);
      for (const [shown, real] of ports) entered = replacePorts(entered, shown, real);
      return entered;
    },
    leave(text) {
      let left = text.replaceAll(base, '');
      for (const [shown, real] of ports) left = replacePorts(left, real, shown);
      return left;
    },
    holds(group, runs) {
      if (runs) groups.add(group);
      else groups.delete(group);
      keeper.stdin?.write(`${[...groups].join(' ')}\n`);
    },
    async clear() {
      keeper.stdin?.end();
      await once(keeper, 'close');
    },
  };
}

/** A port below those that the system gives to outgoing connections (ip_local_port_range, ip(7)), so that it stays free. */
async function freePort(): Promise<string> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    server.close();
    if (free) return String(port);
  }
}

/** A shell with one block of commands, and what it prints. */
class Terminal {
  output = '';
  readonly #place: Place;
  readonly #child: ChildProcess;
  /** Follows the log, where it goes to a file. */
  #follower: ChildProcess | null = null;
  readonly #printed = new EventEmitter();
  readonly #closed: Promise<unknown>;

  constructor(place: Place, commands: string, more: NodeJS.ProcessEnv) {
    this.#place = place;
    const path = [join(place.folder, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH];
    const env = {
      PATH: path.join(delimiter),
      HOME: place.base,
      TMPDIR: join(place.base, 'tmp'),
      // A hundred runs need not compile the same modules a hundred times.
      NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
      ...more,
    };
    // npx looks into node_modules/.bin, as this does, and takes a second for it.
    const script = `set -e\nnpx() { "$@"; }\n${place.enter(commands)}`;
    this.#child = start('env', ['NODE_OPTIONS=--conditions=@tsgi/source', 'bash', '-c', script], {
      cwd: place.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, as on a terminal.
      detached: true,
    });
    place.holds(this.#group, true);
    const take = (chunk: Buffer): void => {
      this.output += chunk;
      this.#printed.emit('printed');
    };
    const [, logFile] = /--log-file (\S+)/.exec(commands) ?? [];
    if (logFile !== undefined) {
      this.#follower = start('tail', [`--pid=${process.pid}`, '-n', '+1', '-F', place.enter(logFile)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      this.#follower.stdout?.on('data', take);
    }
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
    this.#closed = once(this.#child, 'close');
    this.#closed.then(() => this.#printed.emit('printed'));
  }

  /** Its exit status; null where it did not come to its end. */
  async status(): Promise<number | null> {
    return this.#within(async () => {
      await this.#closed;
      return this.#child.exitCode;
    }, null);
  }

  /** Resolves when the server in it serves: to what is wrong. */
  serves(): Promise<string> {
    return this.#until(() => (/\bserving /.test(this.output) ? '' : `it does not serve:\n${this.output}`));
  }

  /** Resolves when the log of the server in it has the lines that are `shown`: to what is wrong. */
  logs(shown: string): Promise<string> {
    return this.#until(() => {
      const printed = this.#place.leave(this.output);
      const { missing } = compare(shown, printed);
      return missing.length === 0 ? '' : describe({ missing, unexpected: [] }, printed);
    });
  }

  /** Ends it as Ctrl-C does, and whatever it has started. Resolves to whether something had to be killed. */
  async end(): Promise<boolean> {
    if (signal(this.#group, 'SIGINT')) await this.#within(() => this.#closed, null);
    if (this.#follower?.kill()) await once(this.#follower, 'close');
    const killed = signal(this.#group, 'SIGKILL');
    this.#place.holds(this.#group, false);
    return killed;
  }

  /** Its process group, as kill(2) wants it. */
  get #group(): number {
    return -(this.#child.pid as number);
  }

  async #until(problem: () => string): Promise<string> {
    await this.#within(async () => {
      while (problem() !== '' && this.#child.exitCode === null) await once(this.#printed, 'printed');
    }, undefined);
    return problem();
  }

  /** What `work` comes to, or `late`. */
  async #within<Value>(work: () => Promise<Value>, late: Value): Promise<Value> {
    const { promise, resolve } = Promise.withResolvers<Value>();
    const timer = setTimeout(() => resolve(late), PATIENCE);
    const value = await Promise.race([work(), promise]);
    clearTimeout(timer);
    return value;
  }
}

/** Whether there was somebody to get it. */
function signal(group: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(group, name);
  } catch {
    return false;
  }
}

function describe({ missing, unexpected }: Difference, printed: string): string {
  if (missing.length === 0 && unexpected.length === 0) return '';
  const part = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}\n`;
  return `${part('not printed', missing)}${part('not on the page', unexpected)}printed:\n${printed}`;
}
