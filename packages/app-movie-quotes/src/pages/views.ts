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
  const templates = join(import.meta.dirname, '../../src/pages/templates'); // Not compiled: the same from dist/.
  await app.register(view, {
    engine: { eta: new Eta() },
    templates,
    viewExt: 'eta',
    production: true, // Templates are compiled once.
    defaultContext: { asset: assets },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.locals = { root: pathToRoot(request.url, request.originalUrl) };
  });
}

/**
 * From a page back to the application's root. Where a mount tells its prefix, that; else a relative path, `./` for
 * `/about` and `../` for `/quotes/12`, which holds behind a proxy too that takes a prefix off and tells nobody.
 */
function pathToRoot(url: string, originalUrl: string): string {
  if (originalUrl !== url && originalUrl.endsWith(url)) return `${originalUrl.slice(0, -url.length)}/`;
  const depth = (url.split('?', 1)[0] as string).split('/').length - 2;
  return depth > 0 ? '../'.repeat(depth) : './';
}
