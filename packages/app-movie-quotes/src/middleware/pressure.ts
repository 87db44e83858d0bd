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

/** Milliseconds over which delay and utilisation are measured. */
const SAMPLE = 1000;

/** Registers the limits on `app` and everything in it. While one is passed, the host is told to send no new requests. */
export async function limitPressure(
  app: FastifyInstance,
  { eventLoopDelay, eventLoopUtilization, heap }: PressureConfig,
  host: Host,
): Promise<void> {
  // One bad second is not load: the start of this process and that of its successors, or a large collection. It is load
  // when it lasts longer than a sample is looked at.
  let since: number | null = null;
  const lasts = (): boolean => since !== null && performance.now() - since > 1.5 * SAMPLE;

  await app.register(underPressure, {
    sampleInterval: SAMPLE,
    maxEventLoopDelay: eventLoopDelay,
    maxEventLoopUtilization: eventLoopUtilization,
    eventLoopUtilizationMode: 'interval',
    maxHeapUsedBytes: heap,
    pressureHandler(_request, _reply, type) {
      if (lasts() || type === underPressure.TYPE_HEAP_USED_BYTES) throw new UnderPressure();
    },
  });
  const look = setInterval(() => {
    since = app.isUnderPressure() ? (since ?? performance.now()) : null;
    host.setReady(!lasts(), 'too much load');
  }, SAMPLE / 4).unref();
  app.addHook('onClose', async () => clearInterval(look));
}

/** There is more work than this process can do. Answered with 503, and not logged: that would be a second load. */
class UnderPressure extends Error {
  readonly statusCode = 503;
  readonly code = 'MQ_ERR_UNDER_PRESSURE';
  readonly retryAfter = 2;

  constructor() {
    super('the server has too much to do');
  }
}

/** A route's config: it is answered under pressure too. */
export const evenUnderPressure = { pressureHandler: () => {} };
