// The application of every compared server that runs on Node; app.py has the same one for those that run on Python.

import { pbkdf2Sync } from 'node:crypto';
import Fastify from 'fastify';
import { counted } from './counts.mjs';

/** Iterations of the page that takes CPU time: some 2.5 ms, nearly all of it inside OpenSSL, which Python calls as well. */
const ITERATIONS = 15_000;

/** A new application. `options` are Fastify's. */
export function createApp(options) {
  const app = Fastify(options);
  const count = counted();
  app.get('/hello', async () => {
    count();
    return { hello: 'world' };
  });
  app.get('/cpu', async () => {
    count();
    return { key: pbkdf2Sync('password', 'salt', ITERATIONS, 32, 'sha256').toString('hex') };
  });
  return app;
}
