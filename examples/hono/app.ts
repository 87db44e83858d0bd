// A Hono application that does not listen: who imports it decides who serves it.

import { Hono } from 'hono';

export const app = new Hono();

app.get('/', (c) => c.text('Hello World!'));

app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name') }));

app.post('/echo', async (c) => c.json(await c.req.json()));
