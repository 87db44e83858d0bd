// The body of a gateway request, for a Request: as a stream, or whole and past the stream.

import { type Body, TsgiError } from '@tsgi/core';

/** A body that is read one way or the other. Nothing is asked of the sender before somebody reads. */
export class RequestBody {
  /** Pulls one chunk for every read. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #body: Body;
  #iterator: AsyncIterator<Uint8Array> | undefined;

  constructor(body: Body) {
    this.#body = body;
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          this.#iterator ??= body[Symbol.asyncIterator]();
          const { done, value } = await this.#iterator.next().catch(rethrow);
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: async () => {
          await this.#iterator?.return?.();
        },
      },
      // No chunk is read ahead: the first read is what asks the client to send (RFC 9110 section 10.1.1, 100-continue).
      { highWaterMark: 0 },
    );
  }

  /** Every byte, in a buffer that may be the adapter's. The stream is spent: `bodyUsed` holds, a second read fails. */
  async read(): Promise<Uint8Array> {
    // Nothing has been iterated yet, so this touches nothing but the stream.
    const spent = this.stream.cancel();
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of this.#body) {
        chunks.push(chunk);
        length += chunk.byteLength;
      }
    } catch (error) {
      rethrow(error);
    }
    await spent;
    if (chunks.length === 1) return chunks[0] as Uint8Array;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
    return whole;
  }
}

/**
 * Throws `error`. Where it is the client's fault, as a body over the limit is (413), it can answer for itself: Hono asks
 * errors for `getResponse()`, and would make a 500 of any other.
 */
function rethrow(error: unknown): never {
  if (error instanceof TsgiError && error.status >= 400 && error.status < 500) {
    const { status } = error;
    Object.defineProperty(error, 'getResponse', { value: () => new Response(null, { status }), configurable: true });
  }
  throw error;
}
