// The log of changes, for who is signed in, and taking one back.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { goTo } from '../middleware/admin-session.ts';
import type { AuditLog } from '../modules/admin/audit-log.ts';
import { QuoteParams } from '../modules/quotes/schemas.ts';
import { Refusal } from '../modules/refusal.ts';
import { auditPage } from '../pages/admin.ts';
import { actorOf, show } from './admin-page.ts';

const ENTRIES_ON_A_PAGE = 25;

const PageQuery = Type.Object({ page: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }) });

export const adminAuditController: FastifyPluginAsyncTypebox<{ audit: AuditLog }> = async (app, { audit }) => {
  app.get('/audit', { schema: { querystring: PageQuery } }, async (request, reply) => {
    const found = await audit.page(request.query.page, ENTRIES_ON_A_PAGE);
    return show(request, reply, 'audit', 'admin/audit', auditPage(found));
  });

  app.post('/audit/:id/undo', { schema: { params: QuoteParams } }, async (request, reply) => {
    try {
      const { id } = await audit.undo(request.params.id, actorOf(request));
      return goTo(request, reply, `admin/quotes/${id}`, 'It was undone. This is the quote again.');
    } catch (error) {
      if (!(error instanceof Refusal) || error.statusCode === 404) throw error;
      throw new Refusal(409, `This cannot be undone: ${reasonOf(error)}.`);
    }
  });
};

function reasonOf({ statusCode, fields, message }: Refusal): string {
  if (statusCode === 412) return 'the quote was changed again since, and the later change comes first';
  if (fields.length > 0) return 'the film has this quote again, under another number';
  return message;
}
