// Headers of answers: what browsers should do about security, and which request it was, where the application has not said
// it itself.

import type { Deployment } from '../deployment.ts';
import { head, type NginxOptions, variable } from './options.ts';

/** By header: what it is, where the application says nothing. */
const STANDARDS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  // What a user can tell whoever runs the site: it is in the logs of both.
  'X-Request-Id': '$request_id',
} as const;

/** Two years, as browsers ask it of who wants to be on their own list. */
const HSTS = 'max-age=63072000';

const meaningOf = (header: string): string => header.toLowerCase().replaceAll('-', '_');

export function headerMaps(deployment: Deployment): string {
  const maps = Object.entries(STANDARDS).map(([header, value]) => {
    const meaning = meaningOf(header);
    return `map $upstream_http_${meaning} ${variable(deployment, meaning)} {
    "" ${value};
    default "";
}
`;
  });
  return `# Headers of answers that the application does not send itself; one that is empty is not sent.
${maps.join('\n')}
map $https$upstream_http_strict_transport_security ${variable(deployment, 'hsts')} {
    on ${HSTS};
    default "";
}
`;
}

export function headers(deployment: Deployment, { cache }: NginxOptions): string {
  const lines = [...Object.keys(STANDARDS), 'Strict-Transport-Security'].map((header) => {
    const meaning = header === 'Strict-Transport-Security' ? 'hsts' : meaningOf(header);
    return `add_header ${header} ${variable(deployment, meaning)} always;\n`;
  });
  const status =
    cache === null
      ? ''
      : `# MISS: the application answered. HIT: the cache did. STALE: the cache did, as the application could not.
add_header X-Cache-Status $upstream_cache_status always;
`;
  return `${head('Headers of answers.')}# A location that has an add_header of its own must include them again.
${lines.join('')}${status}`;
}
