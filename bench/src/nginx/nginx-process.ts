// An Nginx of the bench's own in front of one server: one worker, connections to the server kept, nothing cached or logged.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuOf, treeOf } from '../peers/process-tree.ts';
import type { Target } from '../servers.ts';

/** Its version; null where it is not installed. */
export function findNginx(): string | null {
  const { error, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  return error ? null : (/nginx\/([\d.]+)/.exec(stderr)?.[1] ?? '(version unknown)');
}

export class NginxProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #pids: readonly number[];

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    this.#pids = treeOf([child.pid as number]);
  }

  /** Starts one with its files in `folder`, which is made; resolves when it answers for the server. */
  static async start(folder: string, server: Target, path: string): Promise<NginxProcess> {
    mkdirSync(folder);
    const port = await freePort();
    writeFileSync(join(folder, 'nginx.conf'), configuration(port, server));
    const words = ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'];
    const child = spawn('nginx', words, { stdio: 'ignore' });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.removeListener('exit', kill));
    while (!(await answers(port, path))) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`Nginx has ended: ${readFileSync(join(folder, 'error.log'), 'utf8').trim()}`);
      await delay(20);
    }
    return new NginxProcess(port, child);
  }

  get pids(): readonly number[] {
    return this.#pids;
  }

  /** Microseconds of CPU time so far, of all its processes. */
  cpu(): number {
    return cpuOf(this.#pids);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }
}

async function answers(port: number, path: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).ok;
  } catch {
    return false;
  }
}

/** Nginx must be told its port. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** What of the site that `tsgi generate nginx` writes has to do with passing a request on. */
function configuration(port: number, server: Target): string {
  // Started by root, its workers would be somebody who may not use the socket.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `${user}
daemon off;
pid nginx.pid;
worker_processes 1;
error_log error.log warn;
events {
    worker_connections 1024;
}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    # So that the load's own connections last.
    keepalive_requests 1000000000;
    upstream application {
        zone application 64k;
        server ${server.kind === 'tcp' ? `127.0.0.1:${server.port}` : `unix:${server.path}`};
        keepalive 32;
        keepalive_requests 1000000000;
        keepalive_timeout 60s;
    }
    server {
        listen 127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_buffer_size 16k;
        proxy_buffers 8 16k;
        location / {
            proxy_pass http://application;
        }
    }
}
`;
}
