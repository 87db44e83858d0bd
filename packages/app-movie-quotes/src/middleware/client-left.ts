// Work for a client that may leave before it is done.

import type { FastifyRequest } from 'fastify';

/** Answered to nobody; in the log by the status that Nginx gives it there. */
class ClientLeft extends Error {
  readonly statusCode = 499;
}

/** Does what can be cancelled, with a signal that is aborted when the client leaves. */
export async function whileClientWaits<T>(
  request: FastifyRequest,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await work(request.signal);
  } catch (error) {
    throw request.signal.aborted ? new ClientLeft('the client has left') : error;
  }
}
