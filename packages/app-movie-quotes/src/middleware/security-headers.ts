// What a browser may do with the pages: show them with our own style, fonts and pictures, and nothing else.

import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** Registers the headers on `app` and everything in it. */
export async function addSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        imgSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // For whoever ends TLS to say: over plain HTTP it has no effect, and it would outlive a certificate.
    strictTransportSecurity: false,
  });
}
