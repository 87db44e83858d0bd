// Errors of the API as application/problem+json (RFC 9457): what the client did wrong in words, and nothing of what
// happened inside.

import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { DatabaseUnavailable } from '../database/database.ts';
import { Refusal, type WrongField } from '../modules/refusal.ts';

export const Problem = Type.Object({
  type: Type.String({
    description: 'about:blank: the status says it all (RFC 9457 section 4.2.1)',
    examples: ['about:blank'],
  }),
  title: Type.String({ description: "The status's name" }),
  status: Type.Integer(),
  detail: Type.Optional(Type.String({ description: 'What is wrong with this request' })),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        in: Type.String({ description: 'body, querystring, params or headers' }),
        field: Type.String({ description: 'The path of the field; empty for all of it' }),
        message: Type.String(),
      }),
      { description: 'Each field that is wrong' },
    ),
  ),
});
export type Problem = Static<typeof Problem>;

/** The error responses of a route, for its schema. */
export const problemResponses = { '4xx': Problem, '5xx': Problem } as const;

/** Fastify's error handler where programs are answered. */
export function sendProblem(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  logError(error, status, request);
  addRetryAfter(error, reply);
  if (status >= 500) return send(reply, problem(status));
  const { detail, fields } = explain(error, request);
  return send(reply, { ...problem(status), detail, ...(fields.length > 0 && { errors: [...fields] }) });
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

/** Tells when to come back, where the error knows. */
export function addRetryAfter(error: Error, reply: FastifyReply): void {
  const { retryAfter } = error as { retryAfter?: number };
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
}

const REFUSALS: ReadonlySet<string> = new Set(['MQ_ERR_UNDER_PRESSURE', 'MQ_ERR_QUEUE_FULL']);

/** Logs what is the server's fault, once. Refusals under load are not: they would be a second load. */
export function logError(error: FastifyError, status: number, request: FastifyRequest): void {
  if (status < 500 || REFUSALS.has(error.code)) return;
  // A database that is away fails many requests in the same way, and where in the code they asked for it tells nothing.
  if (error instanceof DatabaseUnavailable) request.log.warn(error.message);
  else request.log.error({ err: error }, error.message);
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

/** What the client did wrong, by its fields where these are known. */
function explain(error: FastifyError, request: FastifyRequest): { detail: string; fields: readonly WrongField[] } {
  if (error instanceof Refusal) return { detail: error.message, fields: error.fields };
  if (error.validation) {
    const place = (error.validationContext ?? 'body') as WrongField['in'];
    const fields = error.validation.map((one) => wrongFieldOf(place, one));
    return { detail: fields.map(({ field, message }) => `${field || place} ${message}`).join('; '), fields };
  }
  const framework = FRAMEWORK[error.code as keyof typeof FRAMEWORK];
  if (framework === undefined) return { detail: error.message, fields: [] };
  const field = framework(request);
  return { detail: `${field.field || `the ${field.in}`} ${field.message}`, fields: [field] };
}

/** Fastify's own refusals, in the words of the others. */
const FRAMEWORK: Readonly<Record<string, (request: FastifyRequest) => WrongField>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ routeOptions }) => ({
    in: 'body',
    field: '',
    message: `must not be larger than ${routeOptions.bodyLimit} bytes`,
  }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => ({
    in: 'headers',
    field: 'content-type',
    message: 'must be application/json',
  }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => ({
    in: 'headers',
    field: 'content-length',
    message: "must be the body's",
  }),
  FST_ERR_CTP_INVALID_JSON_BODY: () => ({
    in: 'body',
    field: '',
    message: 'must be JSON, without a key __proto__ or constructor.prototype',
  }),
  FST_ERR_BAD_URL: () => ({ in: 'params', field: '', message: 'must be encoded as RFC 3986 says' }),
  FST_ERR_MAX_PARAM_LENGTH: () => ({ in: 'params', field: '', message: 'must be shorter' }),
};

type ValidationError = NonNullable<FastifyError['validation']>[number] & {
  /** Of Ajv with `verbose`. */
  readonly parentSchema?: { readonly [FORM]?: string };
};

/** In a schema with a `pattern`: what a text of it is, for people. */
export const FORM = 'x-form';

function wrongFieldOf(place: WrongField['in'], error: ValidationError): WrongField {
  const { instancePath, keyword, params, message = 'is wrong', parentSchema } = error;
  const parents = instancePath.slice(1).replaceAll('/', '.');
  const child = params.missingProperty ?? params.additionalProperty;
  const field = [parents, child].filter((part) => part !== undefined && part !== '').join('.');
  return { in: place, field, message: messageOf() };

  function messageOf(): string {
    if (keyword === 'required') return 'is missing';
    if (keyword === 'additionalProperties') return 'is not taken';
    if (keyword === 'enum') return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
    const form = parentSchema?.[FORM];
    return keyword === 'pattern' && form !== undefined ? `must be ${form}` : message;
  }
}
