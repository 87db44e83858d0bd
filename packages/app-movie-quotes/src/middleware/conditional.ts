// Conditional requests (RFC 9110 section 13): an ETag on every representation, 304 to who has it already, and 412 to who
// would change something else than what they saw.

import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';

/** The response of a route that has tags, for its schema. */
export const notModified = { 304: Type.Null({ description: 'What `If-None-Match` names is still the one' }) } as const;

/** Gives successful answers to GET and HEAD an entity tag of their bytes. Files have their own, and keep it. */
export function addEntityTags(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode !== 200 || typeof payload !== 'string' || reply.hasHeader('etag')) return done(null, payload);
    const tag = weakTag(payload);
    reply.header('etag', tag);
    if (!matches(request.headers['if-none-match'], tag)) return done(null, payload);
    reply.code(304).removeHeader('content-length');
    done(null, null);
  });
}

/** The entity tag of `bytes`. Weak, because a proxy may compress them on the way and must not have to drop it then. */
export function weakTag(bytes: string): string {
  return `W/"${hash('sha1', bytes, 'base64url')}"`;
}

/** The entity tag of one version of a thing: strong, so that `If-Match` can name it. */
export function versionTag({ id, version }: { readonly id: number; readonly version: number }): string {
  return `"${id}-${version}"`;
}

/** Sets `tag`, and answers 304 to a client that has what it stands for: then there is nothing more to do. */
export function answerNotModified(request: FastifyRequest, reply: FastifyReply, tag: string): boolean {
  reply.header('etag', tag);
  if (!matches(request.headers['if-none-match'], tag)) return false;
  reply.code(304).send();
  return true;
}

/**
 * The versions of thing `id` that `If-Match` lets a request change; undefined for any, where there is no such field or it is
 * `*`. Weak tags never match here (RFC 9110 section 13.1.1).
 */
export function expectedVersions(request: FastifyRequest, id: number): number[] | undefined {
  const field = request.headers['if-match']?.trim();
  if (field === undefined || field === '*') return undefined;
  return field.split(',').flatMap((tag) => {
    const found = /^"(\d+)-(\d+)"$/.exec(tag.trim());
    return found !== null && Number(found[1]) === id ? [Number(found[2])] : [];
  });
}

/** Whether `If-None-Match` names `tag`, by the weak comparison that this field asks for (RFC 9110 section 13.1.2). */
function matches(field: string | undefined, tag: string): boolean {
  if (field === undefined) return false;
  if (field.trim() === '*') return true;
  const opaque = (one: string) => one.trim().replace(/^W\//, '');
  return field.split(',').some((one) => opaque(one) === opaque(tag));
}
