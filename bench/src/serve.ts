// The process of one compared server: `serve.ts KIND PAYLOAD FOLDER`. Its parent asks for its counts over IPC.

import { subscribe } from 'node:diagnostics_channel';
import { SERVERS, type ServerKind, type Target } from './servers.ts';

/** What the process has used and answered since it began. Both are read at the same moment. */
export interface Sample {
  /** User and system time of all threads, in microseconds. */
  readonly cpu: number;
  readonly requests: number;
}

export type Question = 'sample' | 'heap';
export type Answer = { readonly target: Target } | Sample | { readonly heapUsed: number } | { readonly failed: string };

// Counted in the same way for every server, and outside of what it does itself: node:http tells when a response is sent.
let requests = 0;
subscribe('http.server.response.finish', () => {
  requests++;
});

process.on('message', async (question: Question) => {
  if (question === 'sample') {
    const { user, system } = process.cpuUsage();
    answer({ cpu: user + system, requests });
  } else answer({ heapUsed: await heapUsed() });
});
// A parent that is gone leaves nothing running.
process.on('disconnect', () => process.exit());

const [kind, payload, folder] = process.argv.slice(2) as [ServerKind, never, string];
try {
  answer({ target: await SERVERS[kind]({ payload, folder }) });
} catch (error) {
  answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

function answer(message: Answer): void {
  process.send?.(message);
}

/** Bytes of the heap that are in use once collections free no more. Takes `--expose-gc`. */
async function heapUsed(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let stable = 0; stable < 3; ) {
    globalThis.gc?.();
    // What finalizers and closed sockets let go of is freed by the next collection.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = process.memoryUsage().heapUsed;
    if (now < least - 16_384) stable = 0;
    else stable++;
    least = Math.min(least, now);
  }
  return least;
}
