// The access log: an object a line, in the words of the server's own.

import type { Deployment } from '../deployment.ts';
import { variable } from './options.ts';

/** By field, what stands for it; those that are numbers have no quotes. */
const FIELDS = {
  time: '"$time_iso8601"',
  id: '"$request_id"',
  client: '"$remote_addr"',
  method: '',
  scheme: '"$scheme"',
  host: '"$host"',
  target: '"$request_uri"',
  version: '"$server_protocol"',
  status: '',
  bytes: '$bytes_sent',
  seconds: '$request_time',
  cache: '"$upstream_cache_status"',
  // One for each server that was asked, with commas between them.
  upstream: '"$upstream_addr"',
  upstreamStatus: '"$upstream_status"',
  upstreamConnectSeconds: '"$upstream_connect_time"',
  upstreamHeaderSeconds: '"$upstream_header_time"',
  upstreamSeconds: '"$upstream_response_time"',
  referer: '"$http_referer"',
  userAgent: '"$http_user_agent"',
};

export function logFormat(deployment: Deployment): string {
  const [status, method] = [variable(deployment, 'status'), variable(deployment, 'method')];
  const lines = Object.entries({ ...FIELDS, method: `"${method}"`, status }).map(
    ([name, value], i) => `'${i === 0 ? '{' : ','}"${name}":${value}'`,
  );
  return `# 000, of a request that was never answered, is no number in JSON.
map $status ${status} {
    ~^0 0;
    default $status;
}

# As the client sent it: for $request_method an error's page makes GET of all others.
map $request ${method} {
    "~^([A-Z]+) " $1;
    default $request_method;
}

log_format ${deployment.name} escape=json
    ${lines.join('\n    ')}
    '}';
`;
}
