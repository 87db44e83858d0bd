// A Compose file: the application in a container, Nginx in front of it and databases behind, started in the order of their
// health.

import { posix } from 'node:path';
import { parseBind, printBind } from '@tsgi/core';
import { openFiles } from '../../settings/open-files.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { SettingName, Settings } from '../../settings/table.ts';
import { writeValue } from '../../settings/write-value.ts';
import {
  type Deployment,
  type GeneratedFile,
  isEverywhere,
  type Reachable,
  reachable,
  variables,
} from '../deployment.ts';
import { nginxFiles } from '../nginx/files.ts';
import { type Database, databases, SECRETS_FOLDER, SECRETS_MOUNT } from './databases.ts';
import { nginxService, sitePath, unixNginxService } from './nginx.ts';
import type { ComposeOptions } from './options.ts';
import { secretsService } from './secrets.ts';
import { type Condition, dependsOn, list, networks, seconds, text } from './yaml.ts';

const SERVICE = 'app';

/** Of the bridge networks that Docker makes, whatever it numbers this one. */
const DOCKER_NETWORKS = '172.16.0.0/12,192.168.0.0/16,10.0.0.0/8';

/** compose.yaml, and what its Nginx needs in the folder nginx beside it. For the folder of the application's Dockerfile. */
export function composeFiles(deployment: Deployment, options: ComposeOptions): GeneratedFile[] {
  const { settings } = deployment;
  if (settings.certfile !== null) {
    throw new SettingError(
      '--certfile and --keyfile are for a server that browsers reach themselves',
      'leave them out: behind this Nginx it is reached on a network of its own',
    );
  }
  const [bind] = reachable(settings);
  if (bind.kind === 'unix' && options.profiles.length > 0) {
    throw new SettingError(
      `--profile is for an application at a port, and this one is at ${printBind(bind)}`,
      'leave out --profile, or give a --bind such as :8000',
    );
  }
  const edge = { ...options.edge, service: SERVICE };
  const site = nginxFiles(deployment, edge);
  const unixSite = options.profiles.includes('unix')
    ? nginxFiles(
        { ...deployment, settings: { ...settings, bind: [printBind(socketOf(deployment))] } },
        { ...edge, site: `${edge.site}-unix` },
      ).filter(({ path }) => path === sitePath(`${edge.site}-unix`))
    : [];
  return [
    { path: 'compose.yaml', content: compose(deployment, bind, options) },
    ...[...site, ...unixSite].map(({ path, content }) => ({ path: `nginx/${path}`, content })),
  ];
}

/** The socket of the profile unix. */
function socketOf({ name }: Deployment): Reachable & { kind: 'unix' } {
  return parseBind(`unix:/run/${name}/app.sock`) as Reachable & { kind: 'unix' };
}

function compose(deployment: Deployment, bind: Reachable, options: ComposeOptions): string {
  const { name, settings } = deployment;
  const { edge, includes, migrate, profiles } = options;
  const image = `\${IMAGE:-${name}}`;
  const stores = databases(deployment, options);
  const secrets = [...stores.flatMap(({ secrets }) => secrets), ...options.secrets.map((name) => name.toLowerCase())];
  const inside = { deployment, bind, options, image, stores, hasSecrets: secrets.length > 0 };
  const sockets = bind.kind === 'unix' ? posix.dirname(bind.path) : null;
  const socket = socketOf(deployment);
  const services = [
    nginxService({
      deployment,
      options,
      sockets,
      logs: logFolders(settings).length > 0,
      networks: stores.length > 0 ? ['edge'] : [],
      upstream: SERVICE,
    }),
    appService(inside),
    ...(migrate === null ? [] : [migrateService(inside, migrate)]),
    ...stores.map(({ yaml }) => yaml),
    ...(secrets.length > 0 ? [secretsService(image, secrets)] : []),
    ...(profiles.includes('minimal') ? [minimalService(inside)] : []),
    ...(profiles.includes('unix')
      ? [unixNginxService(deployment, options, posix.dirname(socket.path)), unixAppService(inside, socket)]
      : []),
  ];
  return `# ${name} with Nginx in front. Written by tsgi generate from its settings. The Dockerfile is the application's own: an
# image with its code and node_modules, whose command is tsgi serve. Values such as \${PORT:-${options.publish}} may be set in .env;
# what else stands there is for the application.

name: ${name}
${includes.length === 0 ? '' : `\ninclude:\n${includes.map((path) => `  - ${path}\n`).join('')}`}
x-service: &service
  # Nothing is written but to volumes and memory, and no right of root is needed.
  read_only: true
  cap_drop: [ALL]
  security_opt: [no-new-privileges:true]
  # Before each further time Docker waits for longer, up to a minute.
  restart: unless-stopped
  logging:
    driver: json-file
    options: { max-size: 10m, max-file: "3" }

services:
${services.join('\n')}${stores.length === 0 ? '' : NETWORKS}${volumes({
  named: [
    ...(migrate === null ? [] : edge.files.map((_, i) => assetsVolume(i))),
    ...options.volumes.map(([volume]) => volume),
    ...logFolders(settings).map(([volume]) => volume),
    ...stores.flatMap(({ volumes }) => volumes),
    ...(secrets.length > 0 ? ['secrets'] : []),
  ],
  memory: [
    ...stores.flatMap(({ memory }) => memory),
    ...(sockets !== null || profiles.includes('unix') ? ['sockets'] : []),
  ],
})}`;
}

const NETWORKS = `
networks:
  edge:
  # Without a way out, nor one in.
  back:
    internal: true
`;

/** What the services of the application are made of. */
interface Inside {
  readonly deployment: Deployment;
  readonly bind: Reachable;
  readonly options: ComposeOptions;
  readonly image: string;
  readonly stores: readonly Database[];
  readonly hasSecrets: boolean;
}

function appService(inside: Inside): string {
  const { deployment, bind, options, image, stores } = inside;
  const { settings, given } = deployment;
  const monitor = monitorOf(settings);
  const environment = [
    ...stores.flatMap(({ variables }) => variables),
    ...options.secrets.map((name) => [`${name}_FILE`, `${SECRETS_FOLDER}/${name.toLowerCase()}`] as const),
    ...options.variables,
    ...variables(given, {
      ...(bind.kind === 'unix'
        ? // Only the two containers have the volume, and each its own users.
          { bind: printBind(bind), socketMode: '666' }
        : { bind: `:${bind.port}`, forwardedAllowIps: DOCKER_NETWORKS }),
      monitorBind: monitor.bind,
      drainDelay: writeValue('drainDelay', drainDelayOf(settings)),
    } satisfies Partial<Record<SettingName, string>>),
  ];
  const ready = `fetch('${monitor.url}/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
  return `  ${SERVICE}:
    <<: *service
    build: .
    image: ${image}
${networks(stores.length > 0 ? ['edge', 'back'] : [])}${dependsOn(
  options.migrate === null ? needs(inside) : [['migrate', 'service_completed_successfully']],
)}${ENV_FILE}    environment: &environment
${environment.map(([variable, value]) => `      ${variable}: ${text(value)}\n`).join('')}${list('volumes', [
  ...options.volumes.map(([volume, path]) => `${volume}:${path}`),
  ...logFolders(settings).map(([volume, path]) => text(`${volume}:${path}`)),
  ...(bind.kind === 'unix' ? [text(`sockets:${posix.dirname(bind.path)}`)] : []),
  ...secretsMount(inside),
])}    tmpfs: /tmp
    healthcheck:
      # The server's own word, which waits behind no traffic.
      test: [CMD, node, -e, ${text(ready)}]
      interval: 5s
      timeout: 3s
      retries: 3
      start_period: ${seconds(settings.startTimeout)}
    # What is in flight may be finished.
    stop_grace_period: ${grace(settings)}
    ulimits:
      nofile: ${openFiles(settings)}
    # For all workers together, also while a reload has two generations of them.
${limits()}${settings.user === null ? '' : '    cap_add: [CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID]\n'}`;
}

function migrateService(inside: Inside, command: string): string {
  const { image, options, stores } = inside;
  return `  # Once before the containers of the application, for all of them.
  migrate:
    <<: *service
    image: ${image}
    command: [sh, -ec, ${text(command)}]
${networks(stores.length > 0 ? ['back'] : [])}${dependsOn(needs(inside))}${ENV_FILE}    environment: *environment
${list('volumes', [
  ...options.volumes.map(([volume, path]) => `${volume}:${path}`),
  ...options.edge.files.map(({ folder }, i) => `${assetsVolume(i)}:${folder}`),
  ...secretsMount(inside),
])}    tmpfs: /tmp
    restart: "no"
${limits()}`;
}

function minimalService({ bind, image, options, deployment: { settings } }: Inside): string {
  const { port } = bind as Reachable & { kind: 'tcp' };
  return `  # docker compose up minimal: the application alone, without what is above.
  minimal:
    <<: *service
    profiles: [minimal]
    build: .
    image: ${image}
    ports:
      - "\${ADDRESS:-0.0.0.0}:\${PORT:-${options.publish}}:${port}"
${ENV_FILE}    environment:
      TSGI_BIND: ":${port}"
${list(
  'volumes',
  options.volumes.map(([volume, path]) => `${volume}:${path}`),
)}    tmpfs: /tmp
    stop_grace_period: ${grace(settings)}
${limits()}`;
}

function unixAppService({ stores }: Inside, socket: Reachable & { kind: 'unix' }): string {
  return `  app-unix:
    extends: ${SERVICE}
    profiles: [unix]
${stores.length > 0 ? `    # Whoever reads its monitor knows that name.\n    networks: !override { back: { aliases: [${SERVICE}] } }\n` : ''}    environment:
      TSGI_BIND: ${text(printBind(socket))}
      # Only the two containers have the volume, and each its own users.
      TSGI_SOCKET_MODE: "666"
      TSGI_FORWARDED_ALLOW_IPS: unix
    volumes:
      - sockets:${posix.dirname(socket.path)}
`;
}

const ENV_FILE = `    env_file:
      - path: .env
        required: false
`;

function needs({ stores, hasSecrets }: Inside): (readonly [name: string, condition: Condition])[] {
  if (stores.length > 0) return stores.map(({ service }) => [service, 'service_healthy']);
  return hasSecrets ? [['secrets', 'service_completed_successfully']] : [];
}

function secretsMount({ hasSecrets }: Inside): string[] {
  return hasSecrets ? [`${SECRETS_MOUNT}:ro`] : [];
}

function limits(): string {
  return `    mem_limit: \${APP_MEMORY:-768m}
    cpus: \${APP_CPUS:-1}
    pids_limit: 256
`;
}

/** In this time Nginx closes the connections that it does not use: see the upstream of its site. */
function drainDelayOf({ drainDelay }: Settings): number {
  return drainDelay > 0 ? drainDelay : 2500;
}

/** A little more than the server takes at most. */
function grace(settings: Settings): string {
  return seconds(drainDelayOf(settings) + 500 + settings.gracefulTimeout + 5000);
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
    .map((path) => posix.dirname(path as string));
  return [...new Set(folders)].map((path, i) => [i === 0 ? 'logs' : `logs-${i + 1}`, path]);
}

/** The volume of the `i`th folder of files that Nginx serves. */
function assetsVolume(i: number): string {
  return i === 0 ? 'assets' : `assets-${i + 1}`;
}

function volumes({ named, memory }: { named: readonly string[]; memory: readonly string[] }): string {
  if (named.length === 0 && memory.length === 0) return '';
  const inMemory = memory.map((volume, i) =>
    i === 0
      ? `  # In memory, and open to the user of each container that has them.
  ${volume}: &memory
    driver_opts: { type: tmpfs, device: tmpfs, o: mode=1777 }
`
      : `  ${volume}: *memory\n`,
  );
  return `\nvolumes:\n${[...new Set(named)].map((volume) => `  ${volume}:\n`).join('')}${inMemory.join('')}`;
}
