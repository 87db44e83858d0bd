// Three small answers that show what stands in front of the application: a text, an answer that a proxy may keep, and who
// asks through whom.

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Host } from '../host.ts';
import { addEntityTags } from '../middleware/conditional.ts';
import { FORWARDING_HEADERS } from '../middleware/direct.ts';

const Text = Type.String();

const Made = Type.Object({
  madeAt: Type.String({ description: 'When the application made this answer; a proxy that keeps it repeats it' }),
  worker: Type.Integer({ description: 'The worker that made it' }),
});

const Info = Type.Object({
  connectingAddress: Type.String({ description: 'The neighbour on the socket: an address with its port, or unix' }),
  forwardedAddress: Type.Union([Type.String(), Type.Null()], {
    description: 'The client, through the proxies that the server trusts; null behind a Unix socket without one',
  }),
  forwardingHeaders: Type.Record(Type.String(), Type.String(), { description: 'As they came; anybody can send them' }),
  host: Type.String(),
  userAgent: Type.Union([Type.String(), Type.Null()]),
  scheme: Type.String(),
  worker: Type.Integer(),
  generation: Type.Integer(),
});

export const samplesController: FastifyPluginAsyncTypebox<{ host: Host }> = async (app, { host }) => {
  // What a client sent is repeated by /info, and no browser may take it for a page.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  addEntityTags(app);

  app.get('/hello', { schema: { response: { 200: Text } } }, async (_request, reply) => {
    return reply.header('cache-control', 'no-cache').type('text/plain; charset=utf-8').send('Hello World!');
  });

  app.get('/cache-me', { schema: { response: { 200: Made } } }, async (_request, reply) => {
    const now = new Date();
    reply.headers({ 'cache-control': 'public, max-age=60', 'last-modified': now.toUTCString() });
    return { madeAt: now.toISOString(), worker: host.worker };
  });

  app.get('/info', { schema: { response: { 200: Info } } }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    return {
      connectingAddress: host.peerOf(request.raw),
      forwardedAddress: request.ip ?? null,
      forwardingHeaders: Object.fromEntries(
        FORWARDING_HEADERS.flatMap((name) => {
          const value = request.headers[name];
          return value === undefined ? [] : [[name, String(value)]];
        }),
      ),
      host: request.host,
      userAgent: request.headers['user-agent'] ?? null,
      scheme: request.protocol,
      worker: host.worker,
      generation: host.generation,
    };
  });
};
