// Nginx in a Compose file, reading what `tsgi generate nginx` writes.

import type { Deployment } from '../deployment.ts';
import { NGINX_FOLDER } from '../nginx/options.ts';
import type { ComposeOptions } from './options.ts';
import { dependsOn, list, networks, text } from './yaml.ts';

export function sitePath(site: string): string {
  return `sites-available/${site}.conf`;
}

const siteMount = (site: string): string => `./nginx/${sitePath(site)}:${NGINX_FOLDER}/conf.d/default.conf:ro`;

/** Folders that Nginx writes to: its own, and those of the images of Debian and of Docker Hub. There www-data is 33. */
const FOLDERS = ['/run', '/var/cache', '/var/cache/nginx', '/var/lib/nginx'];

const HEALTH =
  "true </dev/tcp/127.0.0.1/80 && { [ -e /run/reached ] || curl -so /dev/null -w '%{http_code}' http://127.0.0.1/ | grep -qv '50[234]' && touch /run/reached; }";

export interface NginxService {
  readonly deployment: Deployment;
  readonly options: ComposeOptions;
  /** The folder of the application's socket; null where it has a port. */
  readonly sockets: string | null;
  /** Whether the application's logs are in a volume. */
  readonly logs: boolean;
  readonly networks: readonly string[];
  /** The service behind it. */
  readonly upstream: string;
}

export function nginxService(parts: NginxService): string {
  const { deployment, options, sockets, logs, upstream } = parts;
  const { name } = deployment;
  const { edge, migrate, publish } = options;
  const files = edge.files.map(({ folder }, i) => {
    // Filled by the one-shot; without one they are files of this machine.
    const source = migrate === null ? folder : i === 0 ? 'assets' : `assets-${i + 1}`;
    return `${source}:${folder}:ro`;
  });
  return `  nginx:
    <<: *service
    image: nginx:1.30
    user: www-data
    ports:
      # Not on IPv6, of whose clients Docker would tell no address, as this network has none.
      - "\${ADDRESS:-0.0.0.0}:\${PORT:-${publish}}:80"
${networks(parts.networks)}${dependsOn([[upstream, 'service_healthy']])}${list('volumes', [
  ...(edge.main ? [`./nginx/nginx.conf:${NGINX_FOLDER}/nginx.conf:ro`] : []),
  siteMount(edge.site),
  `./nginx/snippets/${name}:${NGINX_FOLDER}/snippets/${name}:ro`,
  `./nginx/html:${NGINX_FOLDER}/html:ro`,
  ...files,
  ...(sockets === null ? [] : [text(`sockets:${sockets}`)]),
  // What the image has there are links to its standard output.
  ...(logs ? ['logs:/var/log/nginx:nocopy'] : []),
])}${list(
  'tmpfs',
  FOLDERS.map((folder) => `${folder}:uid=33,gid=33`),
)}    healthcheck:
      # It accepts, and has reached the application once. Whether that still answers is the application's own health.
      test: [CMD, bash, -c, ${text(HEALTH)}]
      interval: 3s
      timeout: 3s
      retries: 3
      start_period: 30s
    # Answers under way may be finished.
    stop_grace_period: 30s
    mem_limit: 256m
    cpus: 1
    pids_limit: 64
`;
}

/** The same with the socket of the profile unix. */
export function unixNginxService({ name }: Deployment, { edge }: ComposeOptions, sockets: string): string {
  return `  # docker compose up unix: Nginx reaches ${name} by a socket, and shares no network with it.
  unix:
    extends: nginx
    profiles: [unix]
${dependsOn([['app-unix', 'service_healthy']], ' !override')}    volumes:
      - ${siteMount(`${edge.site}-unix`)}
      - sockets:${sockets}
`;
}
