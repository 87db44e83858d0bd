// The kinds of application, in the order of their columns.

import { type Kind, plain } from '@tsgi/conformance';
import { expressKind } from './express.ts';
import { fastifyKind } from './fastify.ts';
import { hono } from './hono.ts';
import { koa } from './koa.ts';
import { listener } from './listener.ts';

export const kinds: readonly Kind[] = [plain, fastifyKind, expressKind, koa, hono, listener];
