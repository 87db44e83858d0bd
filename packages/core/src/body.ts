// Bodies that nobody will send: what holds a file or a connection open behind one must be let go.

import type { GatewayResponse } from './interface.ts';

/**
 * Ends the body of a response that is not sent, or not to its end: the client left, the method is HEAD, the response
 * came too late. Its iterator is returned; strings, bytes and null need nothing. Rejects with what the iterator throws.
 */
export async function discardBody(body: GatewayResponse['body']): Promise<void> {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return;
  // The iterator of a Node stream is an async generator: returned before its first step it runs nothing, and the stream
  // behind it would stay open.
  const { destroy } = body as { destroy?: () => unknown };
  if (typeof destroy === 'function') destroy.call(body);
  else await body[Symbol.asyncIterator]().return?.();
}
