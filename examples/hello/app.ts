// Three small answers that show what stands in front of an application: a text, an answer that a proxy may keep, and who
// asks through whom.

import type { Address, GatewayRequest } from '@tsgi/core';
import Fastify from 'fastify';

export const app = Fastify();

app.get('/hello', async () => 'Hello World!');

app.get('/cache-me', async (_request, reply) => {
  // For 60 seconds whatever is in front may answer in place of the application: the time in it then stands still.
  reply.header('Cache-Control', 'public, max-age=60');
  return `Made at ${new Date().toISOString()} by worker ${process.env.TSGI_WORKER}`;
});

app.get('/info', async (request, reply) => {
  // The gateway's own request: the one place that knows the neighbour, and not only the client behind it.
  const { gateway } = request.raw as typeof request.raw & { gateway: GatewayRequest };
  reply.header('Cache-Control', 'no-store');
  return {
    connectingAddress: nameOf(gateway.peer),
    forwardedAddress: nameOf(gateway.client),
    forwardedFor: request.headers['x-forwarded-for'] ?? null,
    host: request.host,
    userAgent: request.headers['user-agent'] ?? null,
    scheme: request.protocol,
    worker: Number(process.env.TSGI_WORKER),
  };
});

function nameOf(address: Address): string {
  return address.kind === 'ip' ? address.address : 'a Unix socket';
}
