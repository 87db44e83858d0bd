// The session of an administrator, in an encrypted cookie: any worker reads it, and none remembers it. With it come tokens
// that every form has to send back, so that no other site can send one.

import { hkdfSync } from 'node:crypto';
import cookies from '@fastify/cookie';
import csrf from '@fastify/csrf-protection';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sealData, unsealData } from 'iron-session';
import type { Session } from '../modules/admin/service.ts';
import { prefixOf } from '../pages/address.ts';

/** What the cookie holds. */
export interface SessionData {
  signedIn?: Session;
  /** Told on the next page, once. */
  notice?: string;
  /** What the tokens of the forms are made from. */
  _csrf?: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    session: SessionData;
  }
}

const COOKIE = 'mq_admin';
/** Longer than any session: when one ends is the service's business. */
const SEAL = 24 * 3600;

/** Gives each request of `app` its session, and refuses a POST without a token of that session. */
export async function addAdminSession(app: FastifyInstance, secret: string): Promise<void> {
  const seal = { password: sealKey(secret), ttl: SEAL };
  const received = new WeakMap<FastifyRequest, string>();

  await app.register(cookies);
  app.decorateRequest('session', null as unknown as SessionData);
  app.addHook('onRequest', async (request) => {
    const cookie = request.cookies[COOKIE];
    // What was forged, changed, or sealed with another secret is an empty session.
    request.session = cookie === undefined ? {} : await unsealData<SessionData>(cookie, seal);
    received.set(request, JSON.stringify(request.session));
  });

  // It takes its secret from request.session._csrf, as it does with @fastify/session.
  await app.register(csrf, { sessionPlugin: '@fastify/session', logLevel: 'debug' });
  app.addHook('preValidation', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD') done();
    else app.csrfProtection(request, reply, done);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    // A request that was refused before it had one.
    if (received.get(request) === undefined || received.get(request) === JSON.stringify(request.session))
      return payload;
    reply.setCookie(COOKIE, await sealData(request.session, seal), {
      path: `${prefixOf(request.url, request.originalUrl)}/`,
      httpOnly: true,
      sameSite: 'lax',
      secure: request.protocol === 'https',
    });
    return payload;
  });
}

/** The notice of the page before; it is told once. */
export function takeNotice({ session }: FastifyRequest): string | undefined {
  const { notice } = session;
  delete session.notice;
  return notice;
}

/** Goes on at `path`, relative to the application's root, with a notice for that page. */
export function goTo(request: FastifyRequest, reply: FastifyReply, path: string, notice?: string): FastifyReply {
  if (notice !== undefined) request.session.notice = notice;
  return reply.redirect(`${reply.locals.root}${path}`, 303);
}

/** The key of the seals. */
export function sealKey(secret: string): string {
  // Other uses of the same secret get other keys.
  return Buffer.from(hkdfSync('sha256', secret, '', 'movie-quotes admin session', 32)).toString('base64url');
}
