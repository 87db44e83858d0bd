// All files of one site of Nginx: the site itself, the snippets that it includes, and the pages for when nobody answers.

import { SettingError } from '../../settings/setting-error.ts';
import type { Deployment, GeneratedFile } from '../deployment.ts';
import { cache, cacheZone } from './cache.ts';
import { BROTLI, COMPRESSION } from './compression.ts';
import { UNAVAILABLE_JSON, UNAVAILABLE_PAGE } from './error-pages.ts';
import { errorMaps, errors } from './errors.ts';
import { headerMaps, headers } from './headers.ts';
import { limits, limitZones } from './limits.ts';
import { logFormat } from './log.ts';
import { MAIN } from './main.ts';
import { head, type NginxOptions, snippet } from './options.ts';
import { proxy, proxyMaps } from './proxy.ts';
import { site } from './site.ts';
import { tls } from './tls.ts';

/** For the folder `/etc/nginx`. The site needs nothing in nginx.conf but that it is included in its `http` block. */
export function nginxFiles(deployment: Deployment, options: NginxOptions): GeneratedFile[] {
  if (deployment.settings.proxyProtocol) {
    throw new SettingError(
      'with --proxy-protocol the server expects what Nginx does not send in front of HTTP',
      'leave it out: the headers of this site say who the client is',
    );
  }
  const part = (file: string, content: string): GeneratedFile => ({ path: snippet(deployment, file), content });
  return [
    ...(options.main ? [{ path: 'nginx.conf', content: MAIN }] : []),
    { path: `sites-available/${options.site}.conf`, content: site(deployment, options) },
    part('http', http(deployment, options)),
    part('proxy', proxy(deployment)),
    part('headers', headers(deployment, options)),
    part('limits', limits(deployment, options)),
    part('errors', errors(deployment)),
    part('compression', COMPRESSION),
    part('brotli', BROTLI),
    ...(options.cache === null ? [] : [part('cache', cache(deployment))]),
    ...(options.tls === null ? [] : [part('tls', tls(deployment, options.tls))]),
    { path: 'html/50x.html', content: UNAVAILABLE_PAGE },
    { path: 'html/50x.json', content: UNAVAILABLE_JSON },
  ];
}

/** What can only stand outside a server: variables, zones, a log format. */
function http(deployment: Deployment, options: NginxOptions): string {
  const parts = [
    proxyMaps(deployment),
    headerMaps(deployment),
    errorMaps(deployment, options),
    cacheZone(deployment, options),
    limitZones(deployment, options),
    logFormat(deployment),
  ];
  return [head(`Variables and zones of ${deployment.name}.`), ...parts.filter((part) => part !== '')].join('\n');
}
