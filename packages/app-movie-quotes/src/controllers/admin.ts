// Administration, as far as everybody gets: the page to sign in, the way out, and what is said to who may not. What is behind
// the sign-in is in admin-quotes.ts and admin-audit.ts.

import forms from '@fastify/formbody';
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { addAdminSession, goTo, takeNotice } from '../middleware/admin-session.ts';
import type { AuditLog } from '../modules/admin/audit-log.ts';
import { textOf } from '../modules/admin/quote-form.ts';
import { type Admin, type AdminService, renewed } from '../modules/admin/service.ts';
import type { QuoteService } from '../modules/quotes/service.ts';
import { Refusal } from '../modules/refusal.ts';
import { ADMIN_MENU } from '../pages/admin.ts';
import { adminAuditController } from './admin-audit.ts';
import { adminQuotesController } from './admin-quotes.ts';

export interface AdminOptions {
  readonly admins: AdminService;
  readonly quotes: QuoteService;
  readonly audit: AuditLog;
  /** Encrypts the sessions; null turns administration off. */
  readonly sessionSecret: string | null;
}

/** Larger than any form of these pages, and too small to keep anything busy. */
const BODY = 16 * 1024;

const WRONG = 'The name or the password is wrong.';
const OLD_FORM = 'That form was too old, or this browser keeps no cookies. Please try again.';

export const adminController: FastifyPluginAsync<AdminOptions> = async (app, { sessionSecret, ...services }) => {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-robots-tag': 'noindex' });
  });
  if (sessionSecret === null) {
    // 404 and not 503: nothing is broken, there is no such thing here.
    const turnedOff = (_request: FastifyRequest, reply: FastifyReply) => reply.code(404).view('admin/off');
    app.all('/', turnedOff);
    app.all('/*', turnedOff);
    return;
  }
  const { admins } = services;

  app.removeAllContentTypeParsers();
  await app.register(forms, { bodyLimit: BODY });
  await addAdminSession(app, sessionSecret);
  app.decorateRequest('admin', null);
  app.setErrorHandler(explain);

  app.get('/sign-in', async (request, reply) => {
    if ((await whoIs(request)) !== null) return goTo(request, reply, 'admin');
    return signInPage(reply, { notice: takeNotice(request) });
  });

  app.post('/sign-in', { errorHandler: refuseOldForm }, async (request, reply) => {
    const name = textOf(request.body, 'name');
    const signedIn = await admins.signIn(name, textOf(request.body, 'password'), request.ip || 'unix');
    if (signedIn.outcome === 'ok') {
      // All of the session is new: nothing that somebody put there before is in it.
      request.session = { signedIn: signedIn.session };
      return goTo(request, reply, 'admin');
    }
    if (signedIn.outcome === 'failed') return signInPage(reply.code(403), { name, wrong: WRONG });
    const { seconds } = signedIn;
    const wait = seconds > 60 ? `${Math.ceil(seconds / 60)} minutes` : `${seconds} seconds`;
    reply.code(429).header('retry-after', seconds);
    return signInPage(reply, { name, wrong: `Too many wrong passwords. Try again in ${wait}.` });
  });

  await app.register(async (inside) => {
    inside.addHook('onRequest', async (request, reply) => {
      request.admin = await whoIs(request);
      if (request.admin !== null) return;
      const had = request.session.signedIn !== undefined;
      delete request.session.signedIn;
      return goTo(request, reply, 'admin/sign-in', had ? 'Your session has ended. Please sign in again.' : undefined);
    });

    inside.post('/sign-out', async (request, reply) => {
      const { signedIn } = request.session;
      if (signedIn !== undefined) await admins.signOut(signedIn);
      request.session = {};
      return goTo(request, reply, 'admin/sign-in', 'You are signed out.');
    });

    inside.post('/sign-out-everywhere', async (request, reply) => {
      await admins.signOutEverywhere(request.admin as Admin);
      request.session = {};
      return goTo(request, reply, 'admin/sign-in', 'You are signed out, here and everywhere else.');
    });

    await inside.register(adminQuotesController, { quotes: services.quotes });
    await inside.register(adminAuditController, { audit: services.audit });
  });

  /** Who is signed in, with the session used as of now. */
  async function whoIs({ session }: FastifyRequest): Promise<Admin | null> {
    if (!session.signedIn) return null;
    const admin = await admins.adminOf(session.signedIn);
    if (admin === undefined) return null;
    session.signedIn = renewed(session.signedIn);
    return admin;
  }
};

interface SignIn {
  readonly name?: string;
  readonly notice?: string | undefined;
  readonly wrong?: string;
}

function signInPage(reply: FastifyReply, { name = '', notice, wrong }: SignIn): FastifyReply {
  return reply.view('admin/sign-in', { name, notice, wrong, csrf: reply.generateCsrf() });
}

/** A form of a session that has ended: with the fields as they were, and the token of this session, it works. */
function refuseOldForm(
  this: FastifyInstance,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (!error.code?.startsWith('FST_CSRF')) throw error;
  return signInPage(reply.code(403), { name: textOf(request.body, 'name'), wrong: OLD_FORM });
}

/** What was refused, in words; the rest is for the error pages of the site. */
function explain(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = error.statusCode ?? 500;
  if (error.code?.startsWith('FST_CSRF')) {
    request.log.warn('refused a form without a token of its session');
    return problem(
      reply,
      403,
      'This form is not from these pages, or it is too old. Go back, load it again, and send it.',
    );
  }
  if (error instanceof Refusal && status < 500) return problem(reply, status, error.message);
  throw error;
}

function problem(reply: FastifyReply, status: number, message: string): FastifyReply {
  const signedIn = reply.request.admin !== null;
  return reply.code(status).view('admin/problem', { message, ...(signedIn && { menu: ADMIN_MENU }) });
}
