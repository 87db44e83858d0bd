// The API's description: a page for people, and OpenAPI for programs. Inside of the pages, whose look and headers it has.

import type { FastifyInstance } from 'fastify';
import { compressPages } from '../middleware/compress.ts';
import type { OpenApi } from '../middleware/openapi.ts';
import { docsPage } from '../pages/docs-page.ts';

export async function docsController(app: FastifyInstance, { openApi }: { openApi: () => OpenApi }): Promise<void> {
  compressPages(app);

  app.get('/docs', async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=300');
    return reply.view('docs', docsPage(openApi(), reply.locals.site));
  });

  app.get('/docs/openapi.json', async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=300');
    return openApi();
  });
}
