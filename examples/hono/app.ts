// A Hono application that does not listen: who imports it decides who serves it.

import { fromFetch } from '@tsgi/bridge-fetch';
import type { Application } from '@tsgi/core';
import { Hono } from 'hono';

const app = new Hono();

app.get('/', (c) => c.text('Hello World!'));

app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name') }));

app.post('/echo', async (c) => c.json(await c.req.json()));

export const application: Application = fromFetch(app);
