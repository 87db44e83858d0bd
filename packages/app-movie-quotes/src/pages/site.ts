// What all that a browser shows has in common: headers, static files, templates, tags, and pages for errors. Whatever is
// registered within the same scope has it.

import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { addEntityTags } from '../middleware/conditional.ts';
import { addRetryAfter, logError, statusOf } from '../middleware/problems.ts';
import { addSecurityHeaders } from '../middleware/security-headers.ts';
import { addAssets } from './assets.ts';
import { addViews } from './views.ts';

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'This address cannot be read.',
  403: 'This door is for the crew.',
  404: 'This page is not in the archive.',
  409: 'Somebody was here first.',
  412: 'Somebody changed it meanwhile.',
  413: 'That does not fit through the door.',
  415: 'The projector cannot read that.',
  429: 'Too many at once. Take a short break.',
  503: 'The house is full. Try again in a moment.',
};

/** Sets `app` up for pages. `publicUrl` is where visitors find it; null where they tell that themselves. */
export async function addSite(app: FastifyInstance, { publicUrl }: { publicUrl: string | null }): Promise<void> {
  await addSecurityHeaders(app);
  const assets = await addAssets(app);
  addViews(app, assets, publicUrl);
  addEntityTags(app);
  app.setNotFoundHandler((_request, reply) => sendError(reply, 404));
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply) => {
    const status = statusOf(error);
    logError(error, status, request);
    addRetryAfter(error, reply);
    // A path that does not name anything possible names nothing: /quotes/abc is a wrong link.
    return sendError(reply, error.validationContext === 'params' ? 404 : status);
  });
}

function sendError(reply: FastifyReply, status: number): FastifyReply {
  reply.code(status).header('cache-control', 'no-store');
  const broken =
    status < 500 ? 'This cannot be done.' : 'The reel broke. It is written down, and somebody will look at it.';
  return reply.view('error', { status, name: STATUS_CODES[status] ?? 'Error', message: MESSAGES[status] ?? broken });
}
