// What the page about the API shows: the OpenAPI document, in the words of somebody who reads it.

import type { JsonSchema, OpenApi, Operation, Parameter } from '../middleware/openapi.ts';

/** A parameter, or a field of what is sent or answered. */
export interface Field {
  readonly name: string;
  /** In words, such as `integer, 1 to 100`. */
  readonly type: string;
  /** The schema that its values are of, where that has a name. */
  readonly of: string | null;
  readonly required: boolean;
  /** HTML, as all descriptions here. */
  readonly description: string;
}

/** What is sent or answered: of a schema that has a name, or of these fields. */
export interface Body {
  readonly of: string | null;
  readonly type: string;
  readonly fields: readonly Field[];
}

export interface DocsOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly needsToken: boolean;
  readonly parameters: readonly (Field & { readonly place: string })[];
  readonly body: Body | null;
  readonly responses: readonly {
    readonly status: string;
    readonly description: string;
    readonly type: string;
    readonly body: Body | null;
  }[];
  /** A command that asks for it. */
  readonly example: string;
}

export interface DocsPage {
  readonly description: string;
  readonly groups: readonly {
    readonly name: string;
    readonly description: string;
    readonly operations: readonly DocsOperation[];
  }[];
  readonly schemas: readonly { readonly name: string; readonly fields: readonly Field[] }[];
}

/** `site` is the application's root in full, with `/` at its end. */
export function docsPage({ info, tags, paths, components }: OpenApi, site: string): DocsPage {
  const { schemas } = components;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      tags: operation.tags ?? [],
      shown: operationOf(method.toUpperCase(), path, operation, { site, schemas }),
    })),
  );
  return {
    description: htmlOf(info.description),
    groups: tags.map(({ name, description }) => ({
      name,
      description: htmlOf(description),
      operations: operations.filter(({ tags }) => tags.includes(name)).map(({ shown }) => shown),
    })),
    schemas: Object.entries(schemas).map(([name, schema]) => ({ name, fields: fieldsOf(schema) })),
  };
}

interface Around {
  readonly site: string;
  readonly schemas: OpenApi['components']['schemas'];
}

function operationOf(method: string, path: string, operation: Operation, around: Around): DocsOperation {
  const { operationId, summary, description = '', security, parameters = [], requestBody, responses } = operation;
  const sent = requestBody?.content['application/json']?.schema;
  return {
    id: operationId,
    method,
    path,
    summary,
    description: htmlOf(description),
    needsToken: security !== undefined,
    parameters: parameters.map((parameter) => ({
      ...fieldOf(
        parameter.name,
        { ...parameter.schema, description: parameter.description },
        parameter.required === true,
      ),
      place: parameter.in,
    })),
    body: sent === undefined ? null : bodyOf(sent),
    responses: Object.entries(responses).map(([status, { description, content = {} }]) => {
      const [type = '', media] = Object.entries(content)[0] ?? [];
      return {
        status,
        description: htmlOf(description),
        type,
        body: media === undefined ? null : bodyOf(media.schema),
      };
    }),
    example: exampleOf(method, path, operation, sent, around),
  };
}

function bodyOf(schema: JsonSchema): Body {
  const of = nameOf(schema);
  return { of, type: typeOf(schema), fields: of === null ? fieldsOf(schema) : [] };
}

function fieldsOf({ properties = {}, required = [] }: JsonSchema): Field[] {
  return Object.entries(properties as Record<string, JsonSchema>).map(([name, schema]) =>
    fieldOf(name, schema, (required as string[]).includes(name)),
  );
}

function fieldOf(name: string, schema: JsonSchema, required: boolean): Field {
  return { name, type: typeOf(schema), of: nameOf(schema), required, description: htmlOf(schema.description ?? '') };
}

/** The name of the schema that is referred to, also by the items of a list. */
function nameOf(schema: JsonSchema): string | null {
  const reference = (schema.$ref ?? schema.items?.$ref) as string | undefined;
  return reference?.split('/').at(-1) ?? null;
}

function typeOf(schema: JsonSchema): string {
  const { type, minimum, maximum, minLength, maxLength, items, anyOf, $ref } = schema;
  const words = (): string => {
    if ($ref !== undefined) return nameOf(schema) as string;
    if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (anyOf !== undefined) return anyOf.map(typeOf).join(' or ');
    if (type === 'array') return `list of ${typeOf(items)}`;
    if (minimum !== undefined && maximum !== undefined) return `${type}, ${minimum} to ${maximum}`;
    if (maxLength !== undefined) return `${type}, ${minLength ?? 0} to ${maxLength} characters`;
    return String(type ?? 'any');
  };
  return schema.default === undefined ? words() : `${words()}; default ${schema.default}`;
}

/** A curl command with the examples of the schemas. */
function exampleOf(method: string, path: string, operation: Operation, sent: JsonSchema | undefined, around: Around) {
  const { site, schemas } = around;
  const address = path.replace(/\{(\w+)\}/g, '1').slice(1);
  const command = method === 'GET' ? 'curl' : `curl -X ${method}`;
  const parts = [`${command} ${quote(site + address + queryOf(operation.parameters))}`];
  if (operation.security !== undefined) parts.push("-H 'Authorization: Bearer TOKEN'");
  if (sent !== undefined) {
    const name = nameOf(sent);
    parts.push(
      "-H 'Content-Type: application/json'",
      `-d ${quote(JSON.stringify(sampleOf(name === null ? sent : schemas[name])))}`,
    );
  }
  return parts.join(' \\\n  ');
}

function queryOf(parameters: readonly Parameter[] = []): string {
  const limit = parameters.find((one) => one.in === 'query' && one.name === 'limit');
  return limit === undefined ? '' : '?limit=5';
}

function sampleOf(schema: JsonSchema | undefined): unknown {
  const { properties = {} } = schema ?? {};
  return Object.fromEntries(
    Object.entries(properties as Record<string, JsonSchema>).map(([name, one]) => [
      name,
      one.examples?.[0] ?? one.example ?? one.enum?.[0] ?? 1,
    ]),
  );
}

/** For a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Markdown's code, which OpenAPI's descriptions have, and the rest as it is. */
function htmlOf(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/`([^`]+)`/g, '<code>$1</code>');
}
