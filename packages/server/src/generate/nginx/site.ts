// The site: where Nginx listens, who is behind it, and who gets which request. All else is in snippets.

import { printBind } from '@tsgi/core';
import { type Deployment, isEverywhere, type Reachable, reachable } from '../deployment.ts';
import { head, indent, isSince, type NginxOptions, type StaticFiles, snippet, variable } from './options.ts';
import { escapePattern } from './patterns.ts';

export function site(deployment: Deployment, options: NginxOptions): string {
  const parts = [
    `${head(`The site of ${deployment.name}.`)}\ninclude ${snippet(deployment, 'http')};\n`,
    upstream(deployment, options),
    ...(options.service === null ? [] : [failedMap(deployment)]),
    ...(options.tls === null ? [] : [redirect(options)]),
    server(deployment, options),
  ];
  return parts.join('\n');
}

function upstream({ name, settings }: Deployment, { service, upstreams }: NginxOptions): string {
  const [bind] = upstreams.length > 0 ? upstreams : reachable(settings);
  // Nginx must close first, or it would send a request on a connection that is just being closed.
  const most = service === null ? 60 : 2;
  const idle = Math.min(most, Math.floor(settings.keepAlive / 1000) - 5);
  const keep =
    idle < 1
      ? '    # The application keeps no connection open for long enough to use it twice.\n'
      : `    # Idle connections to the application are closed here first; it closes them after ${settings.keepAlive / 1000}s${
          service === null ? '' : ', and a\n    # container that is stopped after TSGI_DRAIN_DELAY'
        }.
    keepalive 32;
    keepalive_timeout ${idle}s;
`;
  return `upstream ${name} {\n    zone ${name} 64k;\n${servers()}${keep}}\n`;

  function servers(): string {
    if (service !== null && bind?.kind === 'tcp')
      return `    # Every container of the service ${service}, as many as there are now.
    resolver 127.0.0.11 valid=1s;
    # When Docker gave no answer it is asked again after a second, not after 30: until then the old ones are used.
    resolver_timeout 1s;
    server ${service}:${bind.port} resolve max_fails=1 fail_timeout=2s;
`;
    if (upstreams.length < 2) return `    server ${addressOf(bind as Reachable)};\n`;
    const lines = upstreams.map((bind) => `    server ${addressOf(bind)} max_fails=1 fail_timeout=2s;\n`);
    return `    # To the one that has the fewest requests. One that fails is left alone for 2s, then tried by one request.
    least_conn;
${lines.join('')}`;
  }
}

/**
 * Nginx knows the address of a container that has gone for up to a second more. A request that waits there for a connection
 * when Nginx learns of it is given up with 502, whoever else there is: ngx_http_upstream_get_round_robin_peer() returns
 * NGX_BUSY once the addresses have changed. Another one may have found three containers that do not listen yet.
 */
function failedMap(deployment: Deployment): string {
  return `# A request that no container got, since no connection was made, is passed on once more: Nginx gives one up when the addresses
# of the containers change meanwhile, and when three of them do not listen yet. Of others this is the status.
map "$upstream_connect_time|$upstream_status" ${variable(deployment, 'failed')} {
    "~^[^0-9]*\\|" "";
    ~504$ 504;
    default 502;
}
`;
}

function addressOf(bind: Reachable): string {
  if (bind.kind === 'tcp' && isEverywhere(bind.host)) return `127.0.0.1:${bind.port}`;
  return printBind(bind);
}

function redirect({ serverName, acmeWebroot }: NginxOptions): string {
  return `server {
    listen 80;
    listen [::]:80;
    server_name ${serverName};
${acme(acmeWebroot)}
    location / {
        return 308 https://$host$request_uri;
    }
}
`;
}

function server(deployment: Deployment, options: NginxOptions): string {
  const { name } = deployment;
  const { serverName, service, tls, cache } = options;
  const snippets = [
    'proxy',
    ...(cache === null ? [] : ['cache']),
    'headers',
    'limits',
    'compression',
    'errors',
    ...(tls === null ? [] : ['tls']),
  ];
  // The image of Nginx makes this file its standard output.
  const log = service === null ? name : 'access';
  return `server {
${tls === null ? plainListen(service) : tlsListen(options)}    server_name ${serverName};
    access_log /var/log/nginx/${log}.log ${name};
${service === null ? '' : CONTAINERS}
${snippets.map((file) => `    include ${snippet(deployment, file)};\n`).join('')}${tls === null ? acme(options.acmeWebroot) : ''}
${locations(deployment, options)}}
`;
}

/** For containers that come and go; see {@link failedMap}. Both need the Nginx of the image, 1.27.4 or later. */
const CONTAINERS = `
    error_page 502 504 = @again;
    recursive_error_pages on;
    # When Nginx is reloaded, for a request that is on its way: so long the connections of clients are kept.
    keepalive_min_timeout 1s;
`;

function plainListen(service: string | null): string {
  return `    listen 80;\n${service === null ? '    listen [::]:80;\n' : ''}`;
}

function tlsListen({ tls, version }: NginxOptions): string {
  if (!isSince(version, [1, 25, 1]))
    return `    # From Nginx 1.25.1 on it is http2 on; and this is warned of.
    listen 443 ssl http2;
    listen [::]:443 ssl http2;
`;
  const http3 = tls?.http3
    ? '    listen 443 quic reuseport;\n    listen [::]:443 quic reuseport;\n    http3 on;\n    add_header Alt-Svc \'h3=":443"; ma=86400\' always;\n'
    : '';
  return `    listen 443 ssl;
    listen [::]:443 ssl;
    http2 on;
${http3}`;
}

/** What the certificate authority asks for comes over HTTP, also while there is no certificate. */
function acme(webroot: string | null): string {
  if (webroot === null) return '';
  return `
    # certbot certonly --webroot --webroot-path ${webroot}
    location ^~ /.well-known/acme-challenge/ {
        root ${webroot};
    }
`;
}

function locations(deployment: Deployment, { files, service }: NginxOptions): string {
  const { name, settings } = deployment;
  const { mountPath } = settings;
  const pass = `proxy_pass ${settings.certfile === null ? 'http' : 'https'}://${name};\n`;
  const block = (head: string, lines: string): string => indent(`${head} {\n${indent(lines)}}\n`);
  const own = files.map((each) => block(`location ^~ ${each.path}`, staticFiles(deployment, each)));
  const application =
    mountPath === '' || mountPath === '/'
      ? [block('location /', pass)]
      : // A prefix alone would match /shopping for /shop.
        [block(`location ~ "^${escapePattern(mountPath)}(/|$)"`, pass), block('location /', 'return 404;\n')];
  const rest = files.length === 0 ? [] : [block('location @application', pass)];
  if (service !== null) rest.push(block('location @again', again(deployment, pass)));
  return [...own, ...application, ...rest].join('\n');
}

/** A request that has failed with 502 or 504: see {@link failedMap}. */
function again(deployment: Deployment, pass: string): string {
  const failed = variable(deployment, 'failed');
  return `if (${failed} = 502) {
    return 502;
}
if (${failed} = 504) {
    return 504;
}
${pass}error_page 500 502 503 504 /50x.${variable(deployment, 'error_form')};
`;
}

function staticFiles(deployment: Deployment, { folder, immutable }: StaticFiles): string {
  const [why, cacheControl] = immutable
    ? [
        "# Names that change with their content. What is not there, such as a file of another release, is the application's.",
        '"public, max-age=31536000, immutable"',
      ]
    : ["# Kept, and asked for anew by its tag each time. What is not there is the application's.", 'no-cache'];
  return `${why}
alias ${folder}/;
try_files $uri @application;
add_header Cache-Control ${cacheControl};
include ${snippet(deployment, 'headers')};
`;
}
