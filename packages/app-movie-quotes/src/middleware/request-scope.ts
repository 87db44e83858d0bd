// Which request the code runs for, however deep it is: what a query or a pool warns of carries that request's id.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

const scope = new AsyncLocalStorage<FastifyBaseLogger>();

/** Everything that a request of `app` causes runs in its scope. */
export function addRequestScope(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    scope.run(request.log, done);
  });
}

/** The log of the request that the code runs for; `otherwise` where it runs for none. */
export function requestLog(otherwise: FastifyBaseLogger): FastifyBaseLogger {
  return scope.getStore() ?? otherwise;
}
