// The compared application in Express.

import express, { type Express } from 'express';
import { DOCUMENT } from '../payloads.ts';

export function expressApplication(): Express {
  const app = express();
  app.get('/hello', (_request, response) => {
    response.json({ hello: 'world' });
  });
  app.get('/json', (_request, response) => {
    response.json(DOCUMENT);
  });
  app.post('/upload', express.json(), (request, response) => {
    response.json({ items: (request.body as { items: unknown[] }).items.length });
  });
  return app;
}
