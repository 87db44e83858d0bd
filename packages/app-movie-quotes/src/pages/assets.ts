// The static files of public/, under a name that changes with their content, so that browsers and proxies keep them
// for ever and still never show an old one.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const ROOT = join(import.meta.dirname, '../../src/public'); // Not compiled: the same from dist/.

/** The path of a static file, relative to the application's root. */
export type Assets = (name: string) => string;

/**
 * Serves the files at `/assets/VERSION/NAME`. One version for the folder, and not a hash a file, lets a style sheet
 * name its fonts by their plain relative names. During a rolling deployment a page of the one version may ask a process
 * of the other for its style: it gets the file that there is, not to be kept.
 */
export async function addAssets(app: FastifyInstance): Promise<Assets> {
  const version = await hashFolder(ROOT);
  await app.register(fastifyStatic, { root: ROOT, serve: false, dotfiles: 'deny', maxAge: '1y', immutable: true });

  app.get<{ Params: { version: string; '*': string } }>('/assets/:version/*', async (request, reply) => {
    const { version: asked, '*': name } = request.params;
    return asked === version ? reply.sendFile(name) : reply.sendFile(name, { maxAge: 0, immutable: false });
  });

  return (name) => `assets/${version}/${name}`;
}

async function hashFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(file.slice(folder.length)).update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}
