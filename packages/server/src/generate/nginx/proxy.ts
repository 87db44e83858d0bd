// How a request is passed on: the headers that the server believes, and how long Nginx waits.

import type { Settings } from '../../settings/table.ts';
import type { Deployment } from '../deployment.ts';
import { head, variable } from './options.ts';

export function proxyMaps(deployment: Deployment): string {
  const upgrade = `# Only WebSockets are passed through; an empty header is not sent.
map $http_upgrade ${variable(deployment, 'upgrade')} {
    ~*^websocket$ websocket;
    default "";
}

map ${variable(deployment, 'upgrade')} ${variable(deployment, 'connection')} {
    websocket upgrade;
    default "";
}

# The host as the client wrote it, with its port. HTTP/3 has it in no header, and HTTP/1.0 need not have it.
map $http_host ${hostOf(deployment)} {
    "" $host;
    default $http_host;
}
`;
  if (deployment.settings.forwarded === 'x-forwarded') return upgrade;
  return `${upgrade}
# RFC 7239: an IPv6 address stands in brackets and quotes. A host that would break out of its quotes is left out.
map $remote_addr ${variable(deployment, 'for')} {
    ~^[0-9.]+$ "for=$remote_addr";
    ~^[0-9A-Fa-f:.]+$ "for=\\"[$remote_addr]\\"";
    default "for=unknown";
}

map ${hostOf(deployment)} ${variable(deployment, 'forwarded_host')} {
    "~^[A-Za-z0-9._:\\[\\]-]+$" ";host=\\"${hostOf(deployment)}\\"";
    default "";
}
`;
}

/** What the client calls the site. */
export const hostOf = (deployment: Deployment): string => variable(deployment, 'host');

export function proxy(deployment: Deployment): string {
  const { settings } = deployment;
  const secure =
    settings.certfile === null
      ? ''
      : `
# Asks for the certificate of the site. It is not verified: that needs proxy_ssl_trusted_certificate.
proxy_ssl_server_name on;
proxy_ssl_name $host;
`;
  return `${head(`How requests are passed on to ${deployment.name}.`)}
proxy_http_version 1.1;
proxy_set_header Host ${hostOf(deployment)};
proxy_set_header Connection ${variable(deployment, 'connection')};
proxy_set_header Upgrade ${variable(deployment, 'upgrade')};
proxy_set_header X-Request-Id $request_id;

# The application believes these, so whatever a client wrote under their names is replaced.
${believed(deployment)}${secure}
# A server that runs accepts at once: its sockets queue connections. One whose machine or container has gone is silent.
proxy_connect_timeout 2s;
# Between two parts of an answer. ${readReason(settings)}
proxy_read_timeout ${readTimeout(settings)}s;
# Between two parts of a request, which Nginx has as a whole before it passes it on.
proxy_send_timeout 60s;

# Another server may be asked where this one was not reached, or broke off before it answered; but never twice for what
# must not happen twice (no non_idempotent here), nor once a slow request has used up its time.
proxy_next_upstream error timeout;
proxy_next_upstream_tries 3;
proxy_next_upstream_timeout 10s;

# For headers larger than a page of memory: long cookies, long policies.
proxy_buffer_size 16k;
proxy_buffers 8 16k;
# An answer goes to the client as it comes where the application says so by X-Accel-Buffering: no; event streams do.
proxy_hide_header X-Powered-By;
`;
}

/** All of those that the server believes, and none of the others as the client wrote them: what is not set is passed on. */
function believed(deployment: Deployment): string {
  const own =
    deployment.settings.forwarded === 'x-forwarded'
      ? [
          ['X-Forwarded-For', '$remote_addr'],
          ['X-Forwarded-Proto', '$scheme'],
          ['X-Forwarded-Host', hostOf(deployment)],
          ['X-Forwarded-Prefix', '""'],
          ['Forwarded', '""'],
        ]
      : [
          ['Forwarded', `"${variable(deployment, 'for')};proto=$scheme${variable(deployment, 'forwarded_host')}"`],
          ['X-Forwarded-For', '""'],
          ['X-Forwarded-Proto', '""'],
          ['X-Forwarded-Host', '""'],
          ['X-Forwarded-Prefix', '""'],
        ];
  return own.map(([name, value]) => `proxy_set_header ${name} ${value};\n`).join('');
}

/** Seconds. The server gives up first, so that its 504 and its log tell why. */
function readTimeout({ requestTimeout }: Settings): number {
  return Math.max(60, Math.ceil(requestTimeout / 1000) + 5);
}

function readReason({ requestTimeout }: Settings): string {
  return requestTimeout === 0
    ? 'A stream should send something at least as often.'
    : `The server gives up first, after ${requestTimeout / 1000}s, and says why.`;
}
