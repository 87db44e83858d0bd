// The compared application in Hono.

import { Hono } from 'hono';
import { DOCUMENT } from '../payloads.ts';

export function honoApplication(): Hono {
  const app = new Hono();
  app.get('/hello', (c) => c.json({ hello: 'world' }));
  app.get('/json', (c) => c.json(DOCUMENT));
  app.post('/upload', async (c) => c.json({ items: (await c.req.json<typeof DOCUMENT>()).items.length }));
  return app;
}
