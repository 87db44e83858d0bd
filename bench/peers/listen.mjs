// Fastify by its own `listen`. PM2 runs as many of it as it is told to; one alone is the bare Fastify process.

import { createApp } from './app.mjs';

await createApp().listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
