// The application that the load speaks to. It checks every body that it gets, and its replies can be checked.

import { crc32 } from 'node:zlib';
import Fastify, { type FastifyInstance } from 'fastify';

/** Carries the CRC-32 of the body, on a request as on a response. */
export const CHECKSUM = 'x-body-crc32';
/** The process that answered. */
export const PROCESS = 'x-process';
/** Bytes of every body but those of the smallest GETs. */
export const BODY_SIZE = 16 * 1024;

/** The bytes that both sides expect under a number: different ones for each, so that no reply passes for another. */
export function bytesOf(number: number): Buffer {
  return Buffer.alloc(BODY_SIZE, `${number} `);
}

/**
 * `GET /item/N` answers the bytes of N; `POST /item/N` takes them and answers how many came, or 422 when they are not
 * those that were sent.
 */
export function loadApplication(): FastifyInstance {
  const app = Fastify();
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header(PROCESS, process.pid);
    reply.header(CHECKSUM, crc32(payload as Buffer | string));
  });
  app.get<{ Params: { number: string } }>('/item/:number', async (request, reply) => {
    reply.type('application/octet-stream');
    return bytesOf(Number(request.params.number));
  });
  app.post<{ Params: { number: string }; Body: Buffer }>('/item/:number', async (request, reply) => {
    const { body, headers, params } = request;
    const whole = body.equals(bytesOf(Number(params.number))) && String(crc32(body)) === headers[CHECKSUM];
    if (!whole) return reply.code(422).send({ received: body.length });
    return { received: body.length };
  });
  return app;
}
