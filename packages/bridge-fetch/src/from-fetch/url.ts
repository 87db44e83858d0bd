// The URL of a request: absolute, as a Request needs it, out of what the client sent in parts.

import type { GatewayRequest } from '@tsgi/core';

// RFC 3986 section 3.2.2: reg-name or IP-literal, and a port. What matters is what is not in it: with a `/`, `?`, `#`,
// `\` or `@` in the Host field, a part of it would become the path, or the host of the URL another one.
const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d*)?$/i;

// Segments that the URL parser resolves, in every spelling that it takes for a dot.
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;

/**
 * `scheme://host` + `mountPath` + `target`, or `null` when that is no URL: the target is `*`, the host is not one, a
 * backslash would be read as a slash, or dot segments lead out of the mount.
 */
export function requestUrl({ scheme, host, mountPath, target }: GatewayRequest): string | null {
  if (target.charCodeAt(0) !== 0x2f) return null;
  if (host !== '' && !AUTHORITY.test(host)) return null;
  const backslash = target.indexOf('\\');
  if (backslash !== -1 && !target.slice(0, backslash).includes('?')) return null;
  const origin = `${scheme}://${host === '' ? 'localhost' : host}`;
  const url = origin + mountPath + target;
  if (mountPath !== '' && DOT_SEGMENT.test(target) && !isInside(url, origin + mountPath)) return null;
  return url;
}

function isInside(url: string, mount: string): boolean {
  const path = URL.parse(url)?.pathname;
  const prefix = URL.parse(mount)?.pathname;
  return path !== undefined && prefix !== undefined && (path === prefix || path.startsWith(`${prefix}/`));
}
