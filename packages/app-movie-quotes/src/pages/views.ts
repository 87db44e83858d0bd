// The templates: Eta through @fastify/view, and what every page needs beside its own data.

import { join } from 'node:path';
import view from '@fastify/view';
import { Eta } from 'eta';
import type { FastifyInstance } from 'fastify';
import { pathToRoot, siteOf } from './address.ts';
import type { Assets } from './assets.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Of @fastify/view: data for the page of this request. */
    locals: { root: string; site: string };
  }
}

/** A link of the site: its path is relative to the application's root. */
export interface Link {
  readonly path: string;
  readonly text: string;
  /** The media type, where it is not a page. */
  readonly type?: string;
}

/** What templates give to layout.eta. */
export interface Layout {
  readonly title: string;
  readonly description?: string;
  /** The colours of the page. Default: those of the first decade. */
  readonly era?: string;
  /** The page's own address, for those who keep it; left out where nobody should. */
  readonly path?: string;
  /** The address of the picture that other sites show for the page. */
  readonly card?: string;
  /** The menu in place of the site's. */
  readonly menu?: readonly Link[];
  /** The path of the entry of the menu that the page is under. */
  readonly here?: string;
  /** Links of this page for its foot. */
  readonly links?: readonly Link[];
}

const MENU: readonly Link[] = [
  { path: '', text: 'Today' },
  { path: 'quotes', text: 'Quotes' },
  { path: 'films', text: 'Films' },
  { path: 'trending', text: 'Trending' },
];

/** Gives `reply.view(name, data)` the templates of templates/. */
export async function addViews(app: FastifyInstance, assets: Assets, publicUrl: string | null): Promise<void> {
  const templates = join(import.meta.dirname, '../../src/pages/templates'); // Not compiled: the same from dist/.
  await app.register(view, {
    engine: { eta: new Eta() },
    templates,
    viewExt: 'eta',
    production: true, // Templates are compiled once.
    defaultContext: { asset: assets, menu: MENU },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.locals = { root: pathToRoot(request), site: siteOf(request, publicUrl) };
  });
}
