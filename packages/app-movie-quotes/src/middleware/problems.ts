// Errors of the API as application/problem+json (RFC 9457): what the client did wrong in words, and nothing of what
// happened inside.

import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';

export const Problem = Type.Object({
  type: Type.String({ description: 'about:blank: the status says it all (RFC 9457 section 4.2.1)' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(
    Type.Array(Type.Object({ in: Type.String(), field: Type.String(), message: Type.String() }), {
      description: 'Each field that is wrong',
    }),
  ),
});
export type Problem = Static<typeof Problem>;

/** The error responses of a route, for its schema. */
export const problemResponses = { '4xx': Problem, '5xx': Problem } as const;

/** Fastify's error handler where programs are answered. */
export function sendProblem(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  logError(error, status, request);
  return send(reply, {
    ...problem(status),
    ...(status < 500 && { detail: error.message }),
    ...(error.validation && {
      errors: error.validation.map(({ instancePath, message = 'is wrong' }) => ({
        in: error.validationContext ?? 'request',
        field: instancePath.slice(1),
        message,
      })),
    }),
  });
}

/** Fastify's not-found handler where programs are answered. */
export function sendNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return send(reply, { ...problem(404), detail: `there is no ${request.method} ${request.url}` });
}

/** The status that an error ends a request with. */
export function statusOf(error: FastifyError): number {
  const { statusCode = 500 } = error;
  return statusCode >= 400 && statusCode <= 599 ? statusCode : 500;
}

/** Logs what is the server's fault, once. Refusals under load are not: they would be a second load. */
export function logError(error: FastifyError, status: number, request: FastifyRequest): void {
  if (status >= 500 && error.code !== 'FST_UNDER_PRESSURE') request.log.error({ err: error }, error.message);
}

function problem(status: number): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status };
}

function send(reply: FastifyReply, body: Problem): FastifyReply {
  return reply
    .code(body.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(body);
}
