// The templates, Eta's, and what every page needs beside its own data.

import { join } from 'node:path';
import { Eta } from 'eta';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { LRUCache } from 'lru-cache';
import { answerNotModified, weakTag } from '../middleware/conditional.ts';
import { pathToRoot, siteOf } from './address.ts';
import type { Assets } from './assets.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Data for every page of this request. */
    locals: { root: string; site: string };
    /** Answers with what a template makes of `data`: a page, or another `type` of text. */
    view(template: string, data?: object, type?: string): FastifyReply;
    /**
     * The same, for a page that depends on nothing but `key` (and on where the site is): what was made for it lately is
     * sent again, with its entity tag, and `data` is not asked for.
     */
    keptView(template: string, key: string, data: () => object): FastifyReply;
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

/** Pages of about 6 KB. */
const MOST_KEPT = 500;

/** Gives `reply.view(name, data)` the templates of templates/. */
export function addViews(app: FastifyInstance, assets: Assets, publicUrl: string | null): void {
  // Not compiled: the same from dist/.
  const eta = new Eta({ views: join(import.meta.dirname, '../../src/pages/templates'), cache: true });
  rememberPaths(eta);
  const shared = { asset: assets, menu: MENU };
  app.decorateReply('view', function (this: FastifyReply, template: string, data?: object, type = 'text/html') {
    const page = eta.render(template, { ...shared, ...this.locals, ...data });
    return this.type(`${type}; charset=utf-8`).send(page);
  });
  const kept = new LRUCache<string, { readonly page: string; readonly tag: string }>({ max: MOST_KEPT });
  app.decorateReply('keptView', function (this: FastifyReply, template: string, key: string, data: () => object) {
    const { root, site } = this.locals;
    const whole = `${template} ${root} ${site} ${key}`;
    let found = kept.get(whole);
    if (found === undefined) {
      const page = eta.render(template, { ...shared, ...this.locals, ...data() });
      found = { page, tag: weakTag(page) };
      kept.set(whole, found);
    }
    this.type('text/html; charset=utf-8');
    return answerNotModified(this.request, this, found.tag) ? this : this.send(found.page);
  });
  // Its own for each request, from the hook below on.
  app.decorateReply('locals', null as never);
  app.addHook('onRequest', (request, reply, done) => {
    reply.locals = { root: pathToRoot(request), site: siteOf(request, publicUrl) };
    done();
  });
}

/** Eta looks for the path of a template, and for those of its layout and its parts, at each page anew. */
function rememberPaths(eta: Eta): void {
  const find = eta.resolvePath.bind(eta);
  const paths = new Map<string, string>();
  eta.resolvePath = (template, options) => {
    const key = `${options?.filepath ?? ''}:${template}`;
    const path = paths.get(key) ?? find(template, options);
    paths.set(key, path);
    return path;
  };
}
