// The static files of public/, under a name that changes with their content, so that browsers and proxies keep them
// for ever and still never show an old one.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const ROOT = join(import.meta.dirname, '../../src/public'); // Not compiled: the same from dist/.
/** What is text is kept compressed, once: pages are seen within 50 KB, also where no proxy compresses. */
const TEXT = /\.(css|js|svg)$/;
/** Of a client that takes gzip and says nothing more of it. */
const TAKES_GZIP = /(?:^|,)\s*gzip\s*(?:,|$)/i;

/** The path of a static file, relative to the application's root. */
export type Assets = (name: string) => string;

/**
 * Serves the files at `/assets/VERSION/NAME`. One version for the folder, and not a hash a file, lets a style sheet
 * name its fonts by their plain relative names. During a rolling deployment a page of the one version may ask a process
 * of the other for its style: it gets the file that there is, not to be kept.
 */
export async function addAssets(app: FastifyInstance): Promise<Assets> {
  const { version, compressed } = await readFolder(ROOT);
  await app.register(fastifyStatic, { root: ROOT, serve: false, dotfiles: 'deny', maxAge: '1y', immutable: true });

  app.get<{ Params: { version: string; '*': string } }>('/assets/:version/*', async (request, reply) => {
    const { version: asked, '*': name } = request.params;
    if (asked !== version) return reply.sendFile(name, { maxAge: 0, immutable: false });
    const bytes = compressed.get(name);
    if (bytes === undefined) return reply.sendFile(name);
    reply.header('vary', 'accept-encoding');
    if (!TAKES_GZIP.test(request.headers['accept-encoding'] ?? '')) return reply.sendFile(name);
    return reply
      .headers({ 'content-encoding': 'gzip', 'cache-control': 'public, max-age=31536000, immutable' })
      .type(TYPES[name.slice(name.lastIndexOf('.'))] as string)
      .send(bytes);
  });

  return (name) => `assets/${version}/${name}`;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

async function readFolder(folder: string): Promise<{ version: string; compressed: ReadonlyMap<string, Buffer> }> {
  const hash = createHash('sha256');
  const compressed = new Map<string, Buffer>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const name = relative(folder, file);
    const bytes = await readFile(file);
    hash.update(name).update(bytes);
    if (TEXT.test(name)) compressed.set(name, await promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
  return { version: hash.digest('hex').slice(0, 12), compressed };
}
