// What a client may send, how fast, and how often.

import type { Settings } from '../../settings/table.ts';
import type { Deployment } from '../deployment.ts';
import { head, type NginxOptions, sizeOf, variable } from './options.ts';

export function limitZones(deployment: Deployment, { clientRate, clientConnections }: NginxOptions): string {
  if (clientRate === null && clientConnections === null) return '';
  const { name } = deployment;
  const client = variable(deployment, 'client');
  const zones = [
    ...(clientRate === null ? [] : [`limit_req_zone ${client} zone=${name}-requests:10m rate=${clientRate}r/s;\n`]),
    ...(clientConnections === null ? [] : [`limit_conn_zone ${client} zone=${name}-connections:10m;\n`]),
  ];
  return `# Whose requests are counted together: an address; of IPv6 the network of 64 bits that a household has. An empty one is
# not counted: this machine itself, with its probes and proxies, also as the networks of Docker know it.
map $remote_addr ${client} {
    127.0.0.1 "";
    ::1 "";
    unix: "";
    ~^172\\.(1[7-9]|2[0-9]|3[01])\\.0\\.1$ "";
    ~^192\\.168\\.(16|32|48|64|80|96|1(12|28|44|60|76|92)|2(08|24|40))\\.1$ "";
    "~^(([0-9a-f]+:){4})" $1;
    default $binary_remote_addr;
}
${zones.join('')}`;
}

export function limits(deployment: Deployment, { clientRate, clientConnections }: NginxOptions): string {
  const { name, settings } = deployment;
  const counted = [
    ...(clientRate === null
      ? []
      : [
          `# ${clientRate} a second on average, and ${10 * clientRate} at once: a page with all that belongs to it.
limit_req zone=${name}-requests burst=${10 * clientRate} nodelay;
limit_req_status 429;
`,
        ]),
    ...(clientConnections === null
      ? []
      : [
          `# Over HTTP/2 and HTTP/3 each request counts as a connection.
limit_conn ${name}-connections ${clientConnections};
limit_conn_status 429;
`,
        ]),
  ];
  return `${head('What a client may send.')}
# The application's own limits, so that what Nginx lets through is not refused there.
client_max_body_size ${bodySize(settings)};
large_client_header_buffers ${headerBuffers(settings)};

# Whoever is slower than that between two parts of a request, or takes no part of an answer, has gone or means harm.
client_header_timeout 15s;
client_body_timeout 30s;
send_timeout 30s;
reset_timedout_connection on;
${counted.map((text) => `\n${text}`).join('')}`;
}

/** Nginx has 0 for no limit, where here it lets no body through. */
function bodySize({ limitBody }: Settings): string {
  return limitBody === 0 ? '1' : sizeOf(limitBody);
}

/** A line must fit into one buffer, all of them into as many as there are. */
function headerBuffers({ limitRequestLine, limitRequestFieldsSize }: Settings): string {
  const size = Math.max(8192, Math.ceil(limitRequestLine / 1024) * 1024);
  return `${Math.max(4, Math.ceil(limitRequestFieldsSize / size))} ${sizeOf(size)}`;
}
