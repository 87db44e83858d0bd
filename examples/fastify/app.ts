// A Fastify application that does not listen: who imports it decides who serves it.

import Fastify from 'fastify';

export const app = Fastify();

app.get('/', async () => 'Hello World!');

app.get<{ Params: { name: string } }>('/hello/:name', async (request) => ({ hello: request.params.name }));

app.post('/echo', async (request) => request.body);
