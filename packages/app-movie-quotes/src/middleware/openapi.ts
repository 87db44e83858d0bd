// The API's description (OpenAPI 3.1), made from the schemas that check its requests and write its answers: what is told is
// what is done.

import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { Problem } from './problems.ts';

/** The document, in the words of OpenAPI that are used here. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, Response>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface Response {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

// biome-ignore lint/suspicious/noExplicitAny: a schema is any JSON that JSON Schema knows.
export type JsonSchema = Readonly<Record<string, any>>;

interface Described {
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  /** Schemas that have a name of their own in the document, wherever they occur. */
  readonly schemas: Readonly<Record<string, object>>;
}

/** Describes the routes that are added to `app` from now on. The document is there once `app` is ready. */
export async function describeApi(app: FastifyInstance, described: Described): Promise<() => OpenApi> {
  await app.register(swagger, {
    stripBasePath: false,
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'Movie Quotes',
        version: '1',
        description: 'Lines from films. Errors are application/problem+json (RFC 9457).',
      },
      // From the document's own address back to the root, wherever that is mounted.
      servers: [{ url: '..' }],
      tags: [...described.tags],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'The API_TOKEN of the installation' },
        },
      },
    },
    transform: ({ schema, url, route }) => ({ schema: withProblems(schema ?? {}, route), url }),
  });
  let document: OpenApi | undefined;
  return () => {
    document ??= nameSchemas(app.swagger() as object, { Problem, ...described.schemas }) as OpenApi;
    return document;
  };
}

/** Says which problems a route answers with: those that it names itself, and those that follow from what it takes. */
function withProblems(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const {
    '4xx': _client,
    '5xx': _server,
    ...named
  } = (schema.response ?? {}) as Record<string, { description?: string }>;
  const { security } = schema as { security?: unknown };
  const followed: Record<string, string | false> = {
    400: (schema.params ?? schema.querystring ?? schema.headers ?? schema.body) !== undefined && 'A field is wrong',
    401: security !== undefined && 'The token is missing or wrong',
    403: security !== undefined && 'Changes are off',
    404: schema.params !== undefined && 'There is no such thing',
    413: schema.body !== undefined && `The body is larger than ${route.bodyLimit} bytes`,
    415: schema.body !== undefined && 'The body is not application/json',
    414: schema.params !== undefined && 'A part of the path is too long',
    429: 'Too many requests; `Retry-After` says when to go on',
    500: 'Something went wrong inside',
    503: 'Too much load, or a database is away; `Retry-After` says when to try again',
  };
  const response: Record<string, object> = {};
  for (const [status, description] of Object.entries(followed)) {
    if (description !== false) response[status] = problemOf(description);
  }
  for (const [status, one] of Object.entries(named)) {
    response[status] = Number(status) >= 400 ? problemOf(one.description ?? 'Problem') : { description: 'OK', ...one };
  }
  return { operationId: nameOf(route), ...schema, response } as FastifySchema;
}

/** Of a route that has no name of its own: `getQuotesIdReactions`. */
function nameOf({ method, url }: RouteOptions): string {
  const words = url.replace(/^\/api\/v\d+/, '').match(/\w+/g) ?? [];
  return String(method).toLowerCase() + words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
}

function problemOf(description: string): object {
  return { description, content: { 'application/problem+json': { schema: Problem } } };
}

/** `document` with its named schemas in one place and references to them elsewhere, as JSON. */
function nameSchemas(document: object, schemas: Readonly<Record<string, object>>): object {
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [JSON.stringify(undescribed(schema)), name]));
  const inside = (value: object): object =>
    Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one)]));
  function walk(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(walk);
    const name = names.get(JSON.stringify(undescribed(value)));
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    const { in: place, schema } = value as Partial<Parameter>;
    // What has a default need not be sent.
    const optional = place === 'query' && schema?.default !== undefined ? { required: false } : {};
    return { ...inside(value), ...optional };
  }
  const { components = {}, ...rest } = walk(JSON.parse(JSON.stringify(document))) as { components?: object };
  const named = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, inside(JSON.parse(JSON.stringify(schema)))]),
  );
  return { ...rest, components: { ...components, schemas: named } };
}

/** A schema without its description: in a response that is the response's. */
function undescribed(schema: object): object {
  const { description: _said, ...rest } = schema as { description?: string };
  return rest;
}
