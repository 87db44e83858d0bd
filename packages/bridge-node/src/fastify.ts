// A Fastify application as a gateway application, by its public interface: ready(), routing(), close(), and the
// `upgrade` event of the server that it never lets listen.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Application, Context } from '@tsgi/core';
import { answer, takeOver } from './listener.ts';

/** The part of a Fastify instance that is used. Every Fastify 5 instance fits. */
export interface FastifyApplication {
  readonly server: Server;
  readonly initialConfig: object;
  ready(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
  routing(req: IncomingMessage, res: ServerResponse): void;
  setGenReqId(generate: (req: IncomingMessage) => string): unknown;
}

/**
 * Makes a Fastify instance a gateway application. `start` readies it and warns of each option and hook that only
 * Fastify's own `listen` would honour; `stop` closes it. `request.id` is the gateway's id, and `ip`, `protocol` and
 * `host` are the resolved client's. Give it an instance that is not ready yet: later its ids are Fastify's own.
 */
export function fromFastify(app: FastifyApplication): Application {
  const ids = takeIds(app);
  const routing = (req: IncomingMessage, res: ServerResponse): void => app.routing(req, res);
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    app.server.emit('upgrade', req, socket, head);
  };
  return {
    handle(request, context) {
      // Only a plugin such as @fastify/websocket listens for upgrades; without one they are ordinary requests.
      if (request.upgrade !== null && app.server.listenerCount('upgrade') > 0)
        return takeOver(upgrade, request, context);
      return answer(routing, request, context);
    },
    async start(context) {
      await app.ready();
      warnOfLosses(app, ids, context);
      closeWebSocketsOf(app, context.draining);
    },
    async stop() {
      await app.close();
    },
  };
}

/** Whether Fastify takes its ids from the gateway; it refuses to change that once it is ready. */
function takeIds(app: FastifyApplication): boolean {
  try {
    app.setGenReqId((req) => (req as IncomingMessage & { id: string }).id);
    return true;
  } catch {
    return false;
  }
}

/** Options of Fastify that end up on a server that does not listen, with their defaults and what does their work here. */
const LOST: Readonly<Record<string, readonly [standard: unknown, instead: string]>> = {
  connectionTimeout: [0, 'the limits headerTime and bodyTime of the adapter'],
  forceCloseConnections: [undefined, "the adapter's drain"],
  http2: [undefined, 'a proxy in front'],
  https: [undefined, 'the option tls of the adapter, or a proxy in front'],
  keepAliveTimeout: [72_000, 'the option keepAlive of the adapter'],
  maxRequestsPerSocket: [0, 'the keep-alive settings of the server'],
  requestTimeout: [0, 'the limit bodyTime of the adapter'],
};

function warnOfLosses(app: FastifyApplication, ids: boolean, context: Context): void {
  const config = app.initialConfig as Readonly<Record<string, unknown>>;
  for (const [option, [standard, instead]] of Object.entries(LOST)) {
    const value = config[option];
    if (value === undefined || value === standard || value === false) continue;
    context.log.warn({ option }, `the Fastify option ${option} has no effect without listen(); use ${instead}`);
  }
  if (countOnListen(app) > 0) {
    context.log.warn({ hook: 'onListen' }, 'onListen hooks of Fastify do not run without listen(); use onReady');
  }
  if (!ids) {
    context.log.warn({}, 'the Fastify instance was ready before fromFastify(): its request ids are its own');
  }
}

/**
 * How many onListen hooks there are. Fastify has no public way to ask; where its internals look different one day, the
 * answer is 0 and a warning is missing.
 */
function countOnListen(app: object): number {
  const hooks = inner(app, 'fastify.hooks') as { readonly onListen?: readonly unknown[] } | undefined;
  const children = (inner(app, 'fastify.children') ?? []) as readonly object[];
  return (hooks?.onListen?.length ?? 0) + children.reduce((sum, child) => sum + countOnListen(child), 0);
}

function inner(app: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(app).find((candidate) => candidate.description === description);
  return symbol && (app as Record<symbol, unknown>)[symbol];
}

/**
 * Tells the clients of @fastify/websocket that this worker goes away (RFC 6455 section 7.4.1), so that they connect again
 * elsewhere. One whose connection was accepted while the worker began to drain is told as soon as it is open.
 */
function closeWebSocketsOf(
  app: FastifyApplication & { websocketServer?: WebSocketServer },
  draining: AbortSignal,
): void {
  const sockets = app.websocketServer;
  sockets?.on('connection', (client) => {
    if (draining.aborted) client.close(GOING_AWAY);
  });
  draining.addEventListener('abort', () => {
    for (const client of sockets?.clients ?? []) client.close(GOING_AWAY);
  });
}

const GOING_AWAY = 1001;

interface WebSocketServer {
  readonly clients: Iterable<WebSocketClient>;
  on(event: 'connection', listener: (client: WebSocketClient) => void): unknown;
}

interface WebSocketClient {
  close(code: number): void;
}
