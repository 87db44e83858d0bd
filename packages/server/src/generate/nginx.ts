// A site of Nginx in front of the server: an upstream, the headers that the server believes, limits that agree with its own.

import { printBind } from '@tsgi/core';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { type Deployment, type GeneratedFile, isEverywhere, type Reachable, reachable } from './deployment.ts';
import { ERROR_PAGE } from './error-page.ts';

/** What Nginx must know that no setting says. */
export interface NginxOptions {
  /** Host names of the site, with spaces between them; `_` for whatever no other site has. */
  readonly serverName: string;
  /** Where Nginx serves HTTPS itself; null where it does not. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Containers of one service on a network of Docker: Nginx asks Docker's name server for those that there are. */
  readonly service: string | null;
}

/** Where the folder of these files is on the machine that runs Nginx. */
export const NGINX_FOLDER = '/etc/nginx';

/** The site, and the page that it shows while nobody answers. For the folder `/etc/nginx`. */
export function nginxFiles(deployment: Deployment, options: NginxOptions): GeneratedFile[] {
  return [
    { path: `sites-available/${deployment.name}.conf`, content: site(deployment, options) },
    { path: 'html/50x.html', content: ERROR_PAGE },
  ];
}

function site(deployment: Deployment, options: NginxOptions): string {
  const { name, settings } = deployment;
  if (settings.proxyProtocol) {
    throw new SettingError(
      'with --proxy-protocol the server expects what Nginx does not send in front of HTTP',
      'leave it out: the headers of this site say who the client is',
    );
  }
  const parts = [
    `# The site of ${name}. Written by tsgi generate from its settings; goes to ${NGINX_FOLDER}/sites-available.\n`,
    upstream(deployment, options.service),
    maps(deployment),
    ...(options.tls === null ? [] : [redirect(options)]),
    server(deployment, options),
  ];
  return parts.join('\n');
}

function upstream({ name, settings }: Deployment, service: string | null): string {
  const [bind] = reachable(settings);
  // Nginx must close first, or it would send a request on a connection that is just being closed.
  const idle = Math.min(60, Math.floor(settings.keepAlive / 1000) - 5);
  const keep =
    idle < 1
      ? '    # The application keeps no connection open for long enough to use it twice.\n'
      : `    # Idle connections to the application are closed here first; it closes them after ${settings.keepAlive / 1000}s.
    keepalive 32;
    keepalive_timeout ${idle}s;
`;
  const servers =
    service === null || bind.kind === 'unix'
      ? `    server ${addressOf(bind)};\n`
      : `    # Every container of the service ${service}, as many as there are now.
    zone ${name} 64k;
    resolver 127.0.0.11 valid=1s;
    server ${service}:${bind.port} resolve;
`;
  return `upstream ${name} {\n${servers}${keep}}\n`;
}

function addressOf(bind: Reachable): string {
  if (bind.kind === 'tcp' && isEverywhere(bind.host)) return `127.0.0.1:${bind.port}`;
  return printBind(bind);
}

/** The part of a variable's name that no other site has. */
function prefixOf({ name }: Deployment): string {
  return name.replaceAll('-', '_');
}

function maps(deployment: Deployment): string {
  const id = prefixOf(deployment);
  const upgrade = `# Only WebSockets are passed through; an empty header is not sent.
map $http_upgrade $${id}_upgrade {
    ~*^websocket$ websocket;
    default "";
}

map $${id}_upgrade $${id}_connection {
    websocket upgrade;
    default "";
}
`;
  if (deployment.settings.forwarded === 'x-forwarded') return upgrade;
  return `${upgrade}
# RFC 7239: an IPv6 address stands in brackets and quotes. A host that would break out of its quotes is left out.
map $remote_addr $${id}_for {
    ~^[0-9.]+$ "for=$remote_addr";
    ~^[0-9A-Fa-f:.]+$ "for=\\"[$remote_addr]\\"";
    default "for=unknown";
}

map $http_host $${id}_host {
    "~^[A-Za-z0-9._:\\[\\]-]+$" ";host=\\"$http_host\\"";
    default "";
}
`;
}

function redirect({ serverName }: NginxOptions): string {
  return `server {
    listen 80;
    listen [::]:80;
    server_name ${serverName};
    return 308 https://$host$request_uri;
}
`;
}

function server(deployment: Deployment, { serverName, tls, service }: NginxOptions): string {
  const { settings } = deployment;
  const listen =
    tls === null
      ? `    listen 80;
${service === null ? '    listen [::]:80;\n' : ''}    server_name ${serverName};
`
      : `    # From Nginx 1.25.1 on: http2 on;
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name ${serverName};

    ssl_certificate ${tls.certificate};
    ssl_certificate_key ${tls.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:${deployment.name}-tls:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
`;
  return `server {
${listen}
    # The application's own limits, so that what Nginx lets through is not refused there.
    client_max_body_size ${sizeOf(settings.limitBody)};
    large_client_header_buffers ${headerBuffers(settings)};

${location(deployment)}
    # While nobody answers. What the application itself answers with 502 to 504 passes as it is.
    error_page 502 503 504 /50x.html;
    location = /50x.html {
        root ${NGINX_FOLDER}/html;
        internal;
    }
}
`;
}

function location(deployment: Deployment): string {
  const { name, settings } = deployment;
  const { mountPath } = settings;
  const scheme = settings.certfile === null ? 'http' : 'https';
  const secure =
    settings.certfile === null
      ? ''
      : `        # Asks for the certificate of the site. It is not verified: that needs proxy_ssl_trusted_certificate.
        proxy_ssl_server_name on;
        proxy_ssl_name $host;
`;
  const lines = `        proxy_pass ${scheme}://${name};
        proxy_http_version 1.1;
${secure}${headers(deployment)}        proxy_connect_timeout 5s;
        # Between two parts of an answer. A stream should send something at least as often.
        proxy_read_timeout ${readTimeout(settings)}s;
        proxy_send_timeout 60s;
`;
  if (mountPath === '' || mountPath === '/') return `    location / {\n${lines}    }\n`;
  // A prefix alone would match /shopping for /shop.
  const path = mountPath.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&');
  return `    location ~ "^${path}(/|$)" {\n${lines}    }\n\n    location / {\n        return 404;\n    }\n`;
}

/** All of those that the server believes, and none of the others as the client wrote them: what is not set is passed on. */
function headers(deployment: Deployment): string {
  const id = prefixOf(deployment);
  const own =
    deployment.settings.forwarded === 'x-forwarded'
      ? [
          ['X-Forwarded-For', '$remote_addr'],
          ['X-Forwarded-Proto', '$scheme'],
          ['X-Forwarded-Host', '$http_host'],
          ['X-Forwarded-Prefix', '""'],
          ['Forwarded', '""'],
        ]
      : [
          ['Forwarded', `"$${id}_for;proto=$scheme$${id}_host"`],
          ['X-Forwarded-For', '""'],
          ['X-Forwarded-Proto', '""'],
          ['X-Forwarded-Host', '""'],
          ['X-Forwarded-Prefix', '""'],
        ];
  const all = [
    ['Host', '$http_host'],
    ['Connection', `$${id}_connection`],
    ['Upgrade', `$${id}_upgrade`],
    ['X-Request-Id', '$request_id'],
    ...own,
  ];
  return all.map(([name, value]) => `        proxy_set_header ${name} ${value};\n`).join('');
}

/** Seconds. The server gives up first, so that its 504 and its log tell why. */
function readTimeout({ requestTimeout }: Settings): number {
  return Math.max(60, Math.ceil(requestTimeout / 1000) + 5);
}

/** Nginx has 0 for no limit, where here it lets no body through. */
function sizeOf(bytes: number): string {
  if (bytes === 0) return '1';
  if (bytes % (1024 * 1024) === 0) return `${bytes / 1024 / 1024}m`;
  return bytes % 1024 === 0 ? `${bytes / 1024}k` : String(bytes);
}

/** A line must fit into one buffer, all of them into as many as there are. */
function headerBuffers({ limitRequestLine, limitRequestFieldsSize }: Settings): string {
  const size = Math.max(8192, Math.ceil(limitRequestLine / 1024) * 1024);
  return `${Math.max(4, Math.ceil(limitRequestFieldsSize / size))} ${sizeOf(size)}`;
}
