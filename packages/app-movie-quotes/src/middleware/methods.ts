// Methods that a resource does not have: 405 with those that it has (RFC 9110 section 15.5.6), which OPTIONS tells as well.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../modules/refusal.ts';
import { sendNotFound } from './problems.ts';

/** Answers in `app` what no route of it does. Comes before the routes, whose methods it takes down. */
export function answerOtherMethods(app: FastifyInstance): void {
  const known = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const entry = known.get(url) ?? { pattern: patternOf(url), methods: new Set(['OPTIONS']) };
    for (const one of [method].flat()) entry.methods.add(one);
    known.set(url, entry);
  });

  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?', 1)[0] as string;
    const found = [...known.values()].filter(({ pattern }) => pattern.test(path));
    const methods = new Set(found.flatMap(({ methods }) => [...methods]));
    // A route that has the method did not take the path, as for an id that is too long.
    if (methods.size === 0 || (methods.has(request.method) && request.method !== 'OPTIONS')) {
      return sendNotFound(request, reply);
    }
    reply.header('allow', [...methods].sort().join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).header('cache-control', 'no-store').send();
    throw new Refusal(405, `${path} takes ${reply.getHeader('allow')}`);
  });
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
