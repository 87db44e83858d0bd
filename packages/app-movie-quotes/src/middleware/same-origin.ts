// Cross-site request forgery: refuses what a page of another site makes a browser send.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from '../modules/refusal.ts';

/**
 * Refuses requests to `app` that a browser says come from elsewhere. Browsers say it in `Sec-Fetch-Site` where the page is on
 * HTTPS or on this machine, and in `Origin` with every POST. A program that sends neither has no visitor's cookies to abuse.
 */
export function refuseCrossSite(app: FastifyInstance, publicUrl: string | null): void {
  const publicHost = publicUrl === null ? null : new URL(publicUrl).host;
  app.addHook('onRequest', async (request) => {
    if (!isSameOrigin(request, publicHost)) throw new Refusal(403, 'this was sent by a page of another site');
  });
}

function isSameOrigin({ headers, host }: FastifyRequest, publicHost: string | null): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = headers;
  if (origin === undefined) return true;
  const from = URL.parse(origin)?.host;
  // By name and port alone: a proxy that ends TLS need not tell the scheme.
  return from !== undefined && (from === host || from === publicHost);
}
