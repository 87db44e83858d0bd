// The compared servers: how each of them is told what to serve, where, and with how many workers.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Site } from './site.ts';

/** What a server is started with. */
export interface Start {
  readonly site: Site;
  readonly port: number;
  readonly workers: number;
  /** A folder of this server's own, for its sockets and logs. */
  readonly folder: string;
}

export interface Peer {
  /** What the server runs on. Those on Python are left out where there is none. */
  readonly runs: 'node' | 'python';
  /** The command and its arguments. PORT and WORKERS stand in the environment as well. */
  command(start: Start): readonly string[];
  /** Further variables. */
  environment?(start: Start): Readonly<Record<string, string>>;
  /** For a command that leaves the server behind: the process id of the server, and how it is ended. */
  readonly daemon?: {
    readonly pid: (start: Start) => number;
    readonly end: (start: Start, environment: NodeJS.ProcessEnv) => Promise<void>;
  };
}

const node = process.execPath;
const pm2Home = ({ folder }: Start): string => join(folder, 'pm2');
const pm2 = ({ site }: Start): string => join(site.folder, 'node_modules/pm2/bin/pm2');
const inVenv = ({ site }: Start, name: string): string => join(site.python ?? '', name);

const tsgi = ({ site, port, workers, folder }: Start): string[] => [
  ...[node, site.tsgi, 'serve', './app.mjs:createApp()', '--workers', String(workers)],
  ...['--bind', `127.0.0.1:${port}`, '--control-socket', join(folder, 'control.sock'), '--log-level', 'warn'],
];

export const PEERS = {
  tsgi: { runs: 'node', command: tsgi },
  // With an access log and metrics, as it would be run, for the line about them.
  'tsgi logged': {
    runs: 'node',
    command: (start) => [
      ...tsgi(start),
      ...['--access-logfile', join(start.folder, 'access.log'), '--access-log-format', 'combined'],
      ...['--monitor-bind', `unix:${join(start.folder, 'monitor.sock')}`],
    ],
  },
  'fastify logged': {
    runs: 'node',
    command: () => [node, 'logged.mjs'],
    environment: ({ folder }) => ({ ACCESS_LOG: join(folder, 'access.log') }),
  },
  fastify: { runs: 'node', command: () => [node, 'listen.mjs'] },
  'node:cluster': { runs: 'node', command: () => [node, 'cluster.mjs'] },
  PM2: {
    runs: 'node',
    command: (start) => [
      ...[node, pm2(start), 'start', 'listen.mjs', '--name', 'bench', '-i', String(start.workers), '--silent'],
    ],
    environment: (start) => ({ PM2_HOME: pm2Home(start) }),
    daemon: {
      pid: (start) => Number(readFileSync(join(pm2Home(start), 'pm2.pid'), 'utf8')),
      end: async (start, env) => {
        await promisify(execFile)(node, [pm2(start), 'kill', '--silent'], { cwd: start.site.folder, env });
      },
    },
  },
  Watt: {
    runs: 'node',
    command: ({ site }) => [node, join(site.folder, 'node_modules/wattpm/bin/cli.js'), 'start'],
  },
  // Threads of gunicorn keep connections alive, which its default workers do not; one of them a worker, so that a worker
  // does one thing at a time, as it does everywhere else here.
  gunicorn: {
    runs: 'python',
    command: (start) => [
      ...[inVenv(start, 'gunicorn'), 'app:wsgi()', '--workers', String(start.workers)],
      ...['--worker-class', 'gthread', '--threads', '1', '--keep-alive', '75'],
      ...['--bind', `127.0.0.1:${start.port}`, '--log-level', 'warning'],
    ],
  },
  uvicorn: {
    runs: 'python',
    command: (start) => [
      ...[inVenv(start, 'uvicorn'), 'app:asgi', '--factory', '--workers', String(start.workers)],
      ...['--host', '127.0.0.1', '--port', String(start.port), '--no-access-log', '--log-level', 'warning'],
    ],
  },
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;
