// Refuses requests with 503 and Retry-After while the process has more work than it can do, before latency explodes.

import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import type { PressureConfig } from '../config/config.ts';
import type { Host } from '../host.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of @fastify/under-pressure: answers in its place. Returning nothing lets the request pass. */
    pressureHandler?: () => void;
  }
}

/** Milliseconds between two looks; what is measured is a mean over a second. */
const LOOK = 500;

/** Registers the limits on `app` and everything in it. While one is passed, the host is told to send no new requests. */
export async function limitPressure(
  app: FastifyInstance,
  { eventLoopDelay, heap }: PressureConfig,
  host: Host,
): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: eventLoopDelay,
    maxHeapUsedBytes: heap,
    retryAfter: 2,
    message: 'the server has too much to do',
  });
  const look = setInterval(() => host.setReady(!app.isUnderPressure(), 'too much load'), LOOK).unref();
  app.addHook('onClose', async () => clearInterval(look));
}

/** A route's config: it is answered under pressure too. */
export const evenUnderPressure = { pressureHandler: () => {} };
