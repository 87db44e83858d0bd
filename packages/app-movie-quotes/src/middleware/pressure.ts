// Refuses requests with 503 and Retry-After while the process has more work than it can do, before latency explodes.

import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import type { PressureConfig } from '../config/config.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of @fastify/under-pressure: answers in its place. Returning nothing lets the request pass. */
    pressureHandler?: () => void;
  }
}

/** Registers the limits on `app` and everything in it. */
export async function limitPressure(app: FastifyInstance, { eventLoopDelay, heap }: PressureConfig): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: eventLoopDelay,
    maxHeapUsedBytes: heap,
    retryAfter: 2,
    message: 'the server has too much to do',
  });
}

/** A route's config: it is answered under pressure too. */
export const evenUnderPressure = { pressureHandler: () => {} };
