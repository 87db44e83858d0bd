// A long task on request, to show how load is spread and shed. It is off unless HEAVY_ROUTE is set.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Host } from '../host.ts';
import { whileClientWaits } from '../middleware/client-left.ts';
import { problemResponses } from '../middleware/problems.ts';
import type { CardService } from '../modules/cards/service.ts';

const Query = Type.Object({
  ms: Type.Integer({ minimum: 0, maximum: 60_000, default: 5000, description: 'How long a thread works' }),
});

const Done = Type.Object({
  task: Type.Literal('hash'),
  ms: Type.Integer({ description: 'How long it worked' }),
  blocks: Type.Integer({ description: 'How many blocks of 64 KiB it has hashed' }),
  worker: Type.Integer(),
  generation: Type.Integer(),
});

export const heavyController: FastifyPluginAsyncTypebox<{ cards: CardService; host: Host }> = async (
  app,
  { cards, host: { worker, generation } },
) => {
  const schema = { querystring: Query, response: { 200: Done, ...problemResponses } };
  app.get('/heavy', { schema }, async (request, reply) => {
    const done = await whileClientWaits(request, (signal) => cards.work(request.query.ms, signal));
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    return { task: 'hash' as const, ...done, worker, generation };
  });
};
