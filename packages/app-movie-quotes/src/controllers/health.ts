// The probes: /livez (the process answers) and /readyz (it should get requests).

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { evenUnderPressure } from '../middleware/pressure.ts';
import { Liveness, Readiness } from '../modules/health/schemas.ts';
import type { HealthService } from '../modules/health/service.ts';

export const healthController: FastifyPluginAsyncTypebox<{ health: HealthService }> = async (app, { health }) => {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get('/livez', { config: evenUnderPressure, schema: { response: { 200: Liveness } } }, async () => ({
    status: 'live' as const,
  }));

  app.get(
    '/readyz',
    { config: evenUnderPressure, schema: { response: { 200: Readiness, 503: Readiness } } },
    async (_request, reply) => {
      const readiness = await health.readiness();
      return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
    },
  );
};
