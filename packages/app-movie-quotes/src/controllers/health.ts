// The probes: /livez (the process answers) and /readyz (it should get requests).

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Host } from '../host.ts';
import { isDirect } from '../middleware/direct.ts';
import { evenUnderPressure } from '../middleware/pressure.ts';
import { Liveness, Readiness } from '../modules/health/schemas.ts';
import type { HealthService } from '../modules/health/service.ts';

export const healthController: FastifyPluginAsyncTypebox<{ health: HealthService; host: Host }> = async (
  app,
  { health, host },
) => {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get('/livez', { config: evenUnderPressure, schema: { response: { 200: Liveness } } }, async () => ({
    status: 'live' as const,
  }));

  app.get(
    '/readyz',
    { config: evenUnderPressure, schema: { response: { 200: Readiness, 503: Readiness } } },
    async (request, reply) => {
      const { status, checks } = await health.readiness();
      reply.code(status === 'ready' ? 200 : 503);
      // What is wrong inside is for the monitor, and not for everybody whom a proxy lets through.
      return isDirect(request, host) ? { status, checks } : { status };
    },
  );
};
