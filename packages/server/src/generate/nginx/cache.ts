// Answers that Nginx keeps, for as long as the application says.

import type { Deployment } from '../deployment.ts';
import { head, type NginxOptions, sizeOf, variable } from './options.ts';
import { patternOf } from './patterns.ts';
import { hostOf } from './proxy.ts';

export function cacheZone(deployment: Deployment, { cache }: NginxOptions): string {
  if (cache === null) return '';
  const { name } = deployment;
  const session =
    cache.cookies.length === 0
      ? ''
      : `
map $http_cookie ${variable(deployment, 'session')} {
    "~(^|;\\s*)(${cache.cookies.join('|')})=" 1;
    default "";
}
`;
  const personal = [
    '$http_authorization',
    ...(cache.cookies.length === 0 ? [] : [variable(deployment, 'session')]),
    variable(deployment, 'upgrade'),
    variable(deployment, 'roundabout'),
  ].join('');
  return `# Answers are kept for a day after they were last asked for: old ones are of use while the application is away.
proxy_cache_path /var/cache/nginx-${name} keys_zone=${name}-cache:10m max_size=${sizeOf(cache.size)} inactive=1d use_temp_path=off;

# What may be kept. Requests for the same of it wait for one answer, so nothing stands here that never can be.
map $uri ${variable(deployment, 'public')} {
${cache.paths.map((path) => `    ${patternOf(path)} ${name}-cache;\n`).join('')}    default off;
}
${session}
# Such a path is another one here than where it is passed on, as it was written: /admin/..%2fquotes is no /quotes.
map $request_uri ${variable(deployment, 'roundabout')} {
    "~^[^?]*(//|/\\.|\\\\\\\\|%2[Ee]|%2[Ff])" 1;
    default "";
}

# Whoever says who they are gets an answer of their own.
map "${personal}" ${variable(deployment, 'cache')} {
    "" ${variable(deployment, 'public')};
    default off;
}
`;
}

export function cache(deployment: Deployment): string {
  return `${head('Answers that Nginx keeps.')}
# No proxy_cache_valid stands here: the Cache-Control of an answer alone tells whether it is kept, and for how long. One
# with private, no-cache, no-store or Set-Cookie is not; of one with Vary there is a copy for each.
proxy_cache ${variable(deployment, 'cache')};
# What the application takes into account of a request: a host that somebody made up has copies of its own.
proxy_cache_key $scheme://${hostOf(deployment)}$request_uri;
# An old answer is asked for anew by its tag, and costs nothing where it still holds.
proxy_cache_revalidate on;
# Of many who ask for what is not there yet one gets it, and the others wait for that. While an old answer is renewed, or
# where that fails, the old one is given.
proxy_cache_lock on;
proxy_cache_background_update on;
proxy_cache_use_stale updating error timeout http_500 http_502 http_503 http_504;
`;
}
