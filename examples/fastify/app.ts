// A Fastify application that does not listen: who imports it decides who serves it.

import { fromFastify } from '@tsgi/bridge-node';
import type { Application } from '@tsgi/core';
import Fastify from 'fastify';

const app = Fastify();

app.get('/', async () => 'Hello World!');

app.get<{ Params: { name: string } }>('/hello/:name', async (request) => ({ hello: request.params.name }));

app.post('/echo', async (request) => request.body);

export const application: Application = fromFastify(app);
