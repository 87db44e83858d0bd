// One line for each answered request, where Fastify's own are two. Its lines about errors stay.

import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';

export class RequestLog extends LogController {
  readonly #answered: boolean;

  /** `answered` is whether there are lines for requests at all. */
  constructor(answered: boolean) {
    super();
    this.#answered = answered;
  }

  override incomingRequest(): void {}

  override routeNotFound(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    if (error) request.log.error({ err: error }, `the answer to ${request.method} ${request.url} was cut`);
    if (!this.#answered) return;
    const { method, url } = request;
    const ms = Math.round(reply.elapsedTime * 100) / 100;
    request.log.info({ method, url, status: reply.statusCode, ms }, `${method} ${url} ${reply.statusCode}`);
  }
}
