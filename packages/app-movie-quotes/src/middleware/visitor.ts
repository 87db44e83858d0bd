// Who a browser belongs to, as far as likes ask for it: a random number in a cookie, made with the first like.

import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { prefixOf } from '../pages/address.ts';

const NAME = 'mq_visitor';
const YEAR = 365 * 86_400;
const COOKIE = new RegExp(`(?:^|;\\s*)${NAME}=([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:;|$)`);

/** The visitor's id; null for who has none, or one that was not made here. */
export function visitorOf({ headers: { cookie } }: FastifyRequest): string | null {
  return (cookie !== undefined && COOKIE.exec(cookie)?.[1]) || null;
}

/** The visitor's id, with a new one in the answer for who has none. */
export function recogniseVisitor(request: FastifyRequest, reply: FastifyReply): string {
  const known = visitorOf(request);
  if (known !== null) return known;
  const visitor = randomUUID();
  const path = `${prefixOf(request.url, request.originalUrl)}/`;
  const secure = request.protocol === 'https' ? '; Secure' : '';
  reply.header('set-cookie', `${NAME}=${visitor}; Path=${path}; Max-Age=${YEAR}; HttpOnly; SameSite=Lax${secure}`);
  return visitor;
}

/** What makes a visitor's like of a quote count once. */
export const likeKey = (visitor: string, quoteId: number): string => `${visitor}:${quoteId}`;
