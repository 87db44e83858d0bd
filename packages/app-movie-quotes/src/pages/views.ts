// The templates: Eta through @fastify/view, and what every page needs beside its own data.

import { join } from 'node:path';
import view from '@fastify/view';
import { Eta } from 'eta';
import type { FastifyInstance } from 'fastify';
import type { Assets } from './assets.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Of @fastify/view: data for the page of this request. */
    locals: { root: string };
  }
}

/** Gives `reply.view(name, data)` the templates of templates/. */
export async function addViews(app: FastifyInstance, assets: Assets): Promise<void> {
  const templates = join(import.meta.dirname, 'templates');
  await app.register(view, {
    engine: { eta: new Eta() },
    templates,
    viewExt: 'eta',
    production: true, // Templates are compiled once.
    defaultContext: { asset: assets },
  });
  // Links are relative, so that pages work under whatever prefix the application is mounted, without knowing it.
  app.addHook('onRequest', async (request, reply) => {
    reply.locals = { root: pathToRoot(request.url) };
  });
}

/** From a page back to the application's root: `./` for `/about`, `../` for `/quotes/12`. */
function pathToRoot(url: string): string {
  const depth = (url.split('?', 1)[0] as string).split('/').length - 2;
  return depth > 0 ? '../'.repeat(depth) : './';
}
