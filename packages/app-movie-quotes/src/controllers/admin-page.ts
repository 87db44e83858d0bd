// What the pages behind the sign-in have in common.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { takeNotice } from '../middleware/admin-session.ts';
import type { Admin } from '../modules/admin/service.ts';
import { ADMIN_MENU } from '../pages/admin.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in; null on the pages that need nobody to be. */
    admin: Admin | null;
  }
}

/** Answers with a page for who is signed in; `here` is the entry of the menu that it is under. */
export function show(
  request: FastifyRequest,
  reply: FastifyReply,
  page: string,
  here: string,
  data: object,
): FastifyReply {
  const notice = takeNotice(request);
  const { admin } = request;
  return reply.view(`admin/${page}`, { ...data, menu: ADMIN_MENU, here, notice, admin, csrf: reply.generateCsrf() });
}

/** Who is written down for a change. */
export function actorOf({ admin }: FastifyRequest): string {
  return `admin:${admin?.name}`;
}
