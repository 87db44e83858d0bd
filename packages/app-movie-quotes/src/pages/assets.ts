// The static files of public/, under a name that changes with their content, so that browsers and proxies keep them
// for ever and still never show an old one.

import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { takesGzip } from '../middleware/compress.ts';
import { answerNotModified } from '../middleware/conditional.ts';
import { FOLDER, readStaticFiles } from './static-files.ts';

/** Text is kept here, as it is and compressed: a page is to be small also where no proxy compresses. */
const TEXT: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The path of a static file, relative to the application's root. */
export type Assets = (name: string) => string;

interface Text {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
}

/**
 * Serves the files at `/assets/VERSION/NAME`. One version for the folder, and not a hash a file, lets a style sheet
 * name its fonts by their plain relative names. During a rolling deployment a page of the one version may ask a process
 * of the other for its style: it gets the file that there is, not to be kept.
 */
export async function addAssets(app: FastifyInstance): Promise<Assets> {
  const { version, files } = await readStaticFiles();
  const texts = textsOf(files);
  await app.register(fastifyStatic, { root: FOLDER, serve: false, dotfiles: 'deny', maxAge: '1y', immutable: true });

  app.get<{ Params: { version: string; '*': string } }>('/assets/:version/*', async (request, reply) => {
    const { version: asked, '*': name } = request.params;
    const current = asked === version;
    const text = texts.get(name);
    if (text === undefined)
      return current ? reply.sendFile(name) : reply.sendFile(name, { maxAge: 0, immutable: false });
    const compressed = takesGzip(request);
    reply.headers({
      'cache-control': current ? 'public, max-age=31536000, immutable' : 'public, max-age=0',
      'content-type': text.type,
      vary: 'accept-encoding',
    });
    if (answerNotModified(request, reply, `"${version}${compressed ? '-gzip' : ''}"`)) return reply;
    if (compressed) reply.header('content-encoding', 'gzip');
    return reply.send(compressed ? text.gzip : text.plain);
  });

  return (name) => `assets/${version}/${name}`;
}

function textsOf(files: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Text> {
  const texts = new Map<string, Text>();
  for (const [name, plain] of files) {
    const type = TEXT[extname(name)];
    if (type !== undefined) texts.set(name, { type, plain, gzip: gzipSync(plain, { level: 9 }) });
  }
  return texts;
}
