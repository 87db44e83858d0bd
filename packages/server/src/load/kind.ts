// What an export is, told by its shape, and how it becomes a gateway application.

import type { Application } from '@tsgi/core';

// A bridge is loaded for the application that needs it: each is a megabyte or two of every worker.
const node = () => import('@tsgi/bridge-node');
const fetching = () => import('@tsgi/bridge-fetch');

/** A kind of application that is served. */
interface Kind {
  readonly name: 'gateway' | 'fastify' | 'express' | 'koa' | 'fetch' | 'listener';
  /** What it looks like, for the message that it was not found. */
  readonly looks: string;
  readonly is: (value: Shape) => boolean;
  readonly serve: (value: never) => Application | Promise<Application>;
}

type Shape = Readonly<Record<string, unknown>> & { readonly length?: number };

export type KindName = Kind['name'];

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** In the order in which they are tried: the more telling a shape, the earlier. */
export const KINDS: readonly Kind[] = [
  {
    name: 'gateway',
    looks: 'a gateway application: an object with handle(request, context)',
    is: ({ handle, use }) => isFunction(handle) && !isFunction(use),
    serve: (value: Application) => value,
  },
  {
    name: 'fastify',
    looks: 'a Fastify instance',
    is: ({ routing, ready, server }) => isFunction(routing) && isFunction(ready) && typeof server === 'object',
    serve: async (value) => (await node()).fromFastify(value),
  },
  {
    name: 'express',
    looks: 'an Express application',
    is: (value) =>
      isFunction(value) && isFunction(value.handle) && isFunction(value.use) && typeof value.request === 'object',
    serve: async (value) => (await node()).fromExpress(value),
  },
  {
    name: 'koa',
    looks: 'a Koa application',
    is: ({ callback, use, context }) => isFunction(callback) && isFunction(use) && typeof context === 'object',
    serve: async (value) => (await node()).fromKoa(value),
  },
  {
    name: 'fetch',
    looks: 'an object with fetch(request), as Hono has it',
    is: ({ fetch }) => isFunction(fetch),
    serve: async (value: { fetch: () => Response }) => (await fetching()).fromFetch(value),
  },
  {
    name: 'listener',
    looks: 'a (req, res) listener: a function of two arguments',
    is: (value) => isFunction(value) && value.length === 2,
    serve: async (value) => (await node()).fromNodeListener(value),
  },
];

/** The kind of `value`; undefined when it is none. */
export function kindOf(value: unknown): Kind | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  return KINDS.find(({ is }) => is(value as Shape));
}
