// A Fastify application as a gateway application, by its public interface alone: ready(), routing(), close().

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Application } from '@tsgi/core';
import { answer, takeOver } from './listener.ts';

/** The part of a Fastify instance that is used. */
export interface FastifyApplication {
  readonly server: Server;
  readonly initialConfig: object;
  ready(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
  routing(req: IncomingMessage, res: ServerResponse): void;
  setGenReqId(generate: (req: IncomingMessage) => string): unknown;
}

/** Makes a Fastify instance a gateway application: `start` readies it, `stop` closes it. */
export function fromFastify(app: FastifyApplication): Application {
  app.setGenReqId((req) => (req as unknown as { id: string }).id);
  const routing = (req: IncomingMessage, res: ServerResponse): void => app.routing(req, res);
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    app.server.emit('upgrade', req, socket, head);
  };
  return {
    handle(request) {
      if (request.upgrade !== null && app.server.listenerCount('upgrade') > 0) return takeOver(upgrade, request);
      return answer(routing, request);
    },
    async start() {
      await app.ready();
    },
    async stop() {
      await app.close();
    },
  };
}
