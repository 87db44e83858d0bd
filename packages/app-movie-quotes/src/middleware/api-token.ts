// Who may change the catalogue by the API: whoever shows the token (RFC 6750).

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../modules/refusal.ts';

/** Tells whether a request shows the token. */
export type ShowsToken = (request: FastifyRequest) => boolean;

/** Compares in a time that tells nothing of the token. Without one, no request shows it. */
export function tokenCheck(token: string | null): ShowsToken {
  if (token === null) return () => false;
  const expected = digest(token);
  return ({ headers }) => {
    const shown = bearer(headers.authorization);
    return shown !== undefined && timingSafeEqual(digest(shown), expected);
  };
}

/** A hook for preParsing, before the body is read: refused is who does not show the token, and everyone where there is none. */
export function requireToken(token: string | null, showsToken: ShowsToken) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (token === null) throw new Refusal(403, 'changes are off: no API_TOKEN is set');
    if (showsToken(request)) return;
    const nothing = bearer(request.headers.authorization) === undefined;
    reply.header('www-authenticate', `Bearer realm="Movie Quotes"${nothing ? '' : ', error="invalid_token"'}`);
    const message = nothing ? 'must be "Bearer" and the token' : 'has a token that is not the one';
    throw new Refusal(401, `authorization ${message}`, [{ in: 'headers', field: 'authorization', message }]);
  };
}

function bearer(field: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(field ?? '')?.[1];
}

/** Of one length, whatever was shown. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
