// What a page or an answer of Movie Quotes is measured against: a Fastify route that returns the same bytes from memory,
// with the same queries before it or without.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createApp, loadConfig, openDatabase } from '@tsgi/app-movie-quotes';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { LoadRequest } from '../payloads.ts';

interface Query {
  readonly sql: string;
  readonly values: (string | number)[];
}

/** A Fastify application that answers `request` as Movie Quotes does, out of memory. */
export async function bytesApplication(request: LoadRequest, withQueries: boolean): Promise<FastifyInstance> {
  const config = loadConfig();
  const { response, queries } = await ask(request);
  const app = Fastify();
  const path = request.path.split('?', 1)[0] as string;
  const headers = Object.entries(response.headers).filter(
    ([name]) => !['connection', 'date', 'content-length', 'transfer-encoding'].includes(name),
  );
  if (!withQueries) {
    app.get(path, async (_request, reply) => {
      for (const [name, value] of headers) reply.header(name, value);
      return response.body;
    });
    return app;
  }
  const { database } = await openDatabase(config.database, pino({ level: 'silent' }) as FastifyBaseLogger);
  app.get(path, async (_request, reply) => {
    for (const { sql, values } of queries) await database.query(sql, values);
    for (const [name, value] of headers) reply.header(name, value);
    return response.body;
  });
  return app;
}

/** How many queries `request` makes. */
export async function countQueries(request: LoadRequest): Promise<number> {
  return (await ask(request)).queries.length;
}

/** Asks Movie Quotes twice, and tells what it answered and asked its database for at the second time. */
async function ask({ method, path }: LoadRequest) {
  const app = createApp();
  const queries: Query[] = [];
  const record = (message: unknown): void => {
    queries.push(message as Query);
  };
  try {
    await app.ready();
    await app.inject({ method, url: path });
    subscribe('movie-quotes.query', record);
    const response = await app.inject({ method, url: path });
    if (response.statusCode !== 200) throw new Error(`Movie Quotes answers ${response.statusCode} to ${path}`);
    return { response, queries: [...queries] };
  } finally {
    unsubscribe('movie-quotes.query', record);
    await app.close();
  }
}
