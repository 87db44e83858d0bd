// The bodies that the routes stream, and what they tell the witness. Every kind wraps these in what its framework takes.

import { once } from 'node:events';
import type { Witness } from './witness.ts';

/** A body, as an async generator: what Node's `Readable.from` and the interface both take. */
export type Source = AsyncGenerator<Uint8Array, void, undefined>;

/** How many chunks `/stream` has. */
export const CHUNKS = 1024;
/** Each of them. */
export const CHUNK: Uint8Array = Buffer.alloc(65_536, 'stream ');

/** `/steps`: the second step waits. */
export async function* steps(witness: Witness): Source {
  yield Buffer.from('one');
  await witness.gate('step');
  yield Buffer.from('two');
}

/** `/stream` and `/late`: long, and counted as it is made. */
export async function* long(witness: Witness): Source {
  try {
    for (let i = 0; i < CHUNKS; i++) {
      witness.made++;
      yield CHUNK;
    }
  } finally {
    witness.tell('stream closed');
  }
}

/** `/break`: fails behind its first chunk. */
export async function* breaking(witness: Witness): Source {
  yield Buffer.from('one');
  await witness.gate('break');
  throw new Error('secret');
}

/** `/events`: server-sent events that end when the worker drains. */
export async function* events(witness: Witness): Source {
  const { draining } = witness.context;
  yield Buffer.from('data: hello\n\n');
  if (!draining.aborted) await once(draining, 'abort');
  yield Buffer.from('data: bye\n\n');
}

/** `/short`, `/long` and `/trailers`: text in pieces. */
export async function* pieces(...texts: string[]): Source {
  for (const piece of texts) yield Buffer.from(piece);
}
