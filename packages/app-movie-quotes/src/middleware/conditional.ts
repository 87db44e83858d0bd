// Conditional requests: an ETag on every representation, and 304 to who has it already (RFC 9110 section 13).

import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/** Gives successful answers to GET and HEAD an entity tag of their bytes. Files have their own, and keep it. */
export function addEntityTags(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode !== 200 || typeof payload !== 'string' || reply.hasHeader('etag')) return payload;
    // Weak, because a proxy may compress the bytes on the way and must not have to drop the tag then.
    const tag = `W/"${createHash('sha1').update(payload).digest('base64url')}"`;
    reply.header('etag', tag);
    if (!matches(request.headers['if-none-match'], tag)) return payload;
    reply.code(304).removeHeader('content-length');
    return null;
  });
}

/** Whether `If-None-Match` names `tag`, by the weak comparison that this field asks for (RFC 9110 section 13.1.2). */
function matches(field: string | undefined, tag: string): boolean {
  if (field === undefined) return false;
  if (field.trim() === '*') return true;
  return field.split(',').some((one) => one.trim().replace(/^W\//, '') === tag.slice(2));
}
