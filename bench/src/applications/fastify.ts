// The compared application in Fastify.

import Fastify, { type FastifyInstance } from 'fastify';
import { DOCUMENT } from '../payloads.ts';

export function fastifyApplication(): FastifyInstance {
  const app = Fastify();
  app.get('/hello', async () => ({ hello: 'world' }));
  app.get('/json', async () => DOCUMENT);
  app.post('/upload', async (request) => ({ items: (request.body as typeof DOCUMENT).items.length }));
  return app;
}
