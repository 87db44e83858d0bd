// A Compose file: the application in a container, Nginx in front of it, started in the order of their health.

import { dirname } from 'node:path';
import { parseBind, printBind } from '@tsgi/core';
import { openFiles } from '../settings/open-files.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { SettingName, Settings } from '../settings/table.ts';
import { writeValue } from '../settings/write-value.ts';
import {
  type Deployment,
  type GeneratedFile,
  isEverywhere,
  type Reachable,
  reachable,
  variables,
} from './deployment.ts';
import { nginxFiles } from './nginx/files.ts';
import { NGINX_FOLDER, type NginxOptions } from './nginx/options.ts';

/** What Compose must know that no setting says. */
export interface ComposeOptions {
  /** The port of this machine on which Nginx is reached. */
  readonly publish: number;
  /** What its Nginx does besides. */
  readonly edge: NginxOptions;
}

const SERVICE = 'app';

/** Of the bridge networks that Docker makes, whatever it numbers this one. */
const DOCKER_NETWORKS = '172.16.0.0/12,192.168.0.0/16,10.0.0.0/8';

/** compose.yaml, and the site of its Nginx in the folder nginx beside it. For the folder of the application's Dockerfile. */
export function composeFiles(deployment: Deployment, options: ComposeOptions): GeneratedFile[] {
  const { settings } = deployment;
  if (settings.certfile !== null) {
    throw new SettingError(
      '--certfile and --keyfile are for a server that browsers reach themselves',
      'leave them out: behind this Nginx it is reached on a network of its own',
    );
  }
  const [bind] = reachable(settings);
  const site = nginxFiles(deployment, { ...options.edge, service: SERVICE });
  return [
    { path: 'compose.yaml', content: compose(deployment, bind, options) },
    ...site.map(({ path, content }) => ({ path: `nginx/${path}`, content })),
  ];
}

function compose({ name, settings, given }: Deployment, bind: Reachable, { publish, edge }: ComposeOptions): string {
  const monitor = monitorOf(settings);
  const sockets = bind.kind === 'unix' ? dirname(bind.path) : null;
  const logs = logFolders(settings);
  const environment = variables(given, {
    ...(bind.kind === 'unix'
      ? // Only the two containers have the volume, and each its own users.
        { bind: printBind(bind), socketMode: '666' }
      : { bind: `:${bind.port}`, forwardedAllowIps: DOCKER_NETWORKS }),
    monitorBind: monitor.bind,
    // For the moment in which Nginx still sends requests to a container that is about to leave.
    drainDelay: settings.drainDelay > 0 ? writeValue('drainDelay', settings.drainDelay) : '500ms',
  } satisfies Partial<Record<SettingName, string>>);
  const mounts = [
    ...(sockets === null ? [] : [`sockets:${sockets}`]),
    ...logs.map(([volume, path]) => `${volume}:${path}`),
  ];
  const ready = `fetch('${monitor.url}/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
  return `# ${name} and an Nginx in front of it. Written by tsgi generate from its settings. The Dockerfile is the
# application's own: an image with its code and its node_modules.

name: ${name}

services:
  ${SERVICE}:
    build: .
    image: ${name}
    command: [node_modules/.bin/tsgi, serve]
    environment:
      NODE_ENV: production
${environment.map(([variable, value]) => `      ${variable}: ${text(value)}\n`).join('')}\
${mounts.length === 0 ? '' : `    volumes:\n${list(mounts)}`}\
    healthcheck:
      # The server's own word, which waits behind no traffic.
      test: [CMD, node, -e, ${text(ready)}]
      interval: 5s
      timeout: 3s
      retries: 3
      start_period: ${seconds(settings.startTimeout)}
    # What is in flight may be finished.
    stop_grace_period: ${seconds(settings.drainDelay + 500 + settings.gracefulTimeout + 5000)}
    restart: unless-stopped
    ulimits:
      nofile: ${openFiles(settings)}
    security_opt: [no-new-privileges:true]
${settings.user === null ? '    cap_drop: [ALL]\n' : ''}
  nginx:
    image: nginx:1.30
    ports:
      - ${text(`${publish}:80`)}
    volumes:
${list([
  ...(edge.main ? [`./nginx/nginx.conf:${NGINX_FOLDER}/nginx.conf:ro`] : []),
  `./nginx/sites-available/${edge.site}.conf:${NGINX_FOLDER}/conf.d/default.conf:ro`,
  `./nginx/snippets/${name}:${NGINX_FOLDER}/snippets/${name}:ro`,
  `./nginx/html:${NGINX_FOLDER}/html:ro`,
  ...(sockets === null ? [] : [`sockets:${sockets}`]),
])}    depends_on:
      ${SERVICE}:
        condition: service_healthy
    restart: unless-stopped
${volumes(sockets !== null, logs)}`;
}

/** Where the container's health is asked for: the monitor of the settings, or one for this. */
function monitorOf({ monitorBind }: Settings): { bind: string; url: string } {
  const tcp = monitorBind.map(parseBind).find((bind) => bind.kind === 'tcp' && bind.port !== 0);
  const { host, port } = (tcp ?? parseBind(':9000')) as Reachable & { kind: 'tcp' };
  const address = isEverywhere(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return { bind: printBind({ kind: 'tcp', host, port }), url: `http://${address}:${port}` };
}

/** Volumes and the folders that they are for, where a log goes to a file. */
function logFolders({ logFile, accessLogfile }: Settings): [volume: string, path: string][] {
  const folders = [accessLogfile, logFile]
    .filter((path) => path?.startsWith('/') && !path.startsWith('/dev/'))
    .map((path) => dirname(path as string));
  return [...new Set(folders)].map((path, i) => [i === 0 ? 'logs' : `logs-${i + 1}`, path]);
}

function volumes(sockets: boolean, logs: readonly (readonly [volume: string, path: string])[]): string {
  if (!sockets && logs.length === 0) return '';
  const named = logs.map(([volume]) => `  ${volume}:\n`).join('');
  // In memory, and open to the user of either container.
  const shared = `  sockets:
    driver_opts:
      type: tmpfs
      device: tmpfs
      o: mode=1777
`;
  return `\nvolumes:\n${named}${sockets ? shared : ''}`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `      - ${text(item)}\n`).join('');
}

/** A scalar in quotes: JSON is YAML. Compose would put a variable in place of a single $. */
function text(value: string): string {
  return JSON.stringify(value.replaceAll('$', '$$$$'));
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)}s`;
}
