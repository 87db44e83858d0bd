// What a browser may do with the pages: show them with our own style, fonts, pictures and script, and nothing else.
//
// Helmet would put the same lines together anew for each answer, which takes as long as a query.

import type { FastifyInstance } from 'fastify';

const POLICY = {
  'default-src': "'none'",
  'style-src': "'self'",
  'font-src': "'self'",
  'img-src': "'self'",
  'script-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
};

// Without Strict-Transport-Security: that is for whoever ends TLS to say. Over plain HTTP it has no effect, and it would
// outlive a certificate.
const HEADERS = {
  'content-security-policy': Object.entries(POLICY)
    .map(([name, value]) => `${name} ${value}`)
    .join(';'),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  // Not no-referrer: browsers would then say `Origin: null` with a form of our own pages.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  // For browsers that do not know frame-ancestors.
  'x-frame-options': 'DENY',
};

/** Registers the headers on `app` and everything in it. */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS);
    done();
  });
}
