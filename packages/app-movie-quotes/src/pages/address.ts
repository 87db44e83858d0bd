// Where the application is, as its pages say it: relative to the page for links, and in full for what leaves the site (feeds,
// sitemaps, canonical addresses, pictures for other sites).

import type { FastifyRequest } from 'fastify';

/**
 * From a page back to the application's root. Where a mount tells its prefix, that; else a relative path, `./` for
 * `/about` and `../` for `/quotes/12`, which holds behind a proxy too that takes a prefix off and tells nobody.
 */
export function pathToRoot({ url, originalUrl }: FastifyRequest): string {
  const prefix = prefixOf(url, originalUrl);
  if (prefix !== '') return `${prefix}/`;
  const depth = (url.split('?', 1)[0] as string).split('/').length - 2;
  return depth > 0 ? '../'.repeat(depth) : './';
}

/** The application's root in full, with `/` at its end. Where no `publicUrl` says it, it is where the client asked. */
export function siteOf(request: FastifyRequest, publicUrl: string | null): string {
  if (publicUrl !== null) return `${publicUrl}/`;
  const { protocol, host, url, originalUrl } = request;
  return `${protocol}://${host || 'localhost'}${prefixOf(url, originalUrl)}/`;
}

/** What a mount took off the path before the application saw it; else `''`. */
export function prefixOf(url: string, originalUrl: string): string {
  return originalUrl !== url && originalUrl.endsWith(url) ? originalUrl.slice(0, -url.length) : '';
}
