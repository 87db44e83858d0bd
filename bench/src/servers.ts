// The servers that are compared: how each of them comes to listen. Every one runs in a process of its own.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listen as listenTcp } from '@tsgi/adapter-node';
import { listen as listenSocket } from '@tsgi/adapter-unix-socket';
import type { Application } from '@tsgi/core';
import type { FastifyInstance } from 'fastify';
import { PAYLOADS, type PayloadName } from './payloads.ts';

/** Where a load goes: a port of 127.0.0.1, or the path of a socket. */
export type Target = { readonly kind: 'tcp'; readonly port: number } | { readonly kind: 'unix'; readonly path: string };

/** What a server is started for. */
export interface ServeOptions {
  readonly payload: PayloadName;
  /** A folder of the run's own, for a socket's file and the database. */
  readonly folder: string;
}

// Modules are imported by the server that needs them: memory is compared, too.
const fastify = async (payload: PayloadName): Promise<FastifyInstance> => {
  if (payload.startsWith('quotes')) return (await import('@tsgi/app-movie-quotes')).createApp();
  return (await import('./applications/fastify.ts')).fastifyApplication();
};
const express = async () => (await import('./applications/express.ts')).expressApplication();
const hono = async () => (await import('./applications/hono.ts')).honoApplication();
const koa = async () => (await import('./applications/koa.ts')).koaApplication();
const bytes = async (payload: PayloadName, queries: boolean): Promise<Target> => {
  const { bytesApplication } = await import('./quotes/bytes.ts');
  const app = await bytesApplication(PAYLOADS[payload].request, queries);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return portOf(app.server);
};
const bridges = () => import('@tsgi/bridge-node');

/** Starts a server of each kind. A name with `adapter` in it is served by one of ours. */
export const SERVERS = {
  'node:http': async () => tcp(createServer((await import('./applications/listener.ts')).listener)),
  fastify: async ({ payload }) => {
    const app = await fastify(payload);
    await app.listen({ host: '127.0.0.1', port: 0 });
    return portOf(app.server);
  },
  express: async () => tcp(createServer(await express())),
  hono: async () => {
    const { createAdaptorServer } = await import('@hono/node-server');
    return tcp(createAdaptorServer({ fetch: (await hono()).fetch }) as Server);
  },
  'plain adapter-node': async () => adapted((await import('./applications/plain.ts')).plainApplication),
  'listener adapter-node': async () =>
    adapted((await bridges()).fromNodeListener((await import('./applications/listener.ts')).listener)),
  'fastify adapter-node': async ({ payload }) => adapted((await bridges()).fromFastify(await fastify(payload))),
  'express adapter-node': async () => adapted((await bridges()).fromExpress(await express())),
  'koa adapter-node': async () => adapted((await bridges()).fromKoa(await koa())),
  'hono adapter-node': async () => adapted((await import('@tsgi/bridge-fetch')).fromFetch((await hono()) as never)),
  'fastify adapter-unix-socket': async ({ payload, folder }) => {
    const path = `${folder}/${process.pid}.sock`;
    await listenSocket((await bridges()).fromFastify(await fastify(payload)), `unix:${path}`);
    return { kind: 'unix', path };
  },
  'quotes bytes': ({ payload }) => bytes(payload, false),
  'quotes bytes and queries': ({ payload }) => bytes(payload, true),
} as const satisfies Record<string, (options: ServeOptions) => Promise<Target>>;

export type ServerKind = keyof typeof SERVERS;

async function tcp(server: Server): Promise<Target> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return portOf(server);
}

function portOf(server: Server): Target {
  return { kind: 'tcp', port: (server.address() as AddressInfo).port };
}

async function adapted(application: Application): Promise<Target> {
  const { address } = await listenTcp(application, '127.0.0.1:0');
  if (address.kind !== 'tcp') throw new Error(`listens on ${address.kind}`);
  return { kind: 'tcp', port: address.port };
}
