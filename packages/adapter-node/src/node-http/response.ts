// A gateway response onto node:http's ServerResponse: the adapter's fields, the length, the body with back-pressure.

import type { ServerResponse } from 'node:http';
import {
  type Body,
  discardBody,
  type GatewayResponse,
  type HeaderList,
  isHopByHop,
  isName,
  type Outcome,
  TAKEN,
  TsgiError,
} from '@tsgi/core';
import type { NodeRequest } from './request.ts';
import type { Translator } from './translator.ts';

/** Sends `response`, or 500 in its place when it cannot be sent. */
export function sendResponse(translator: Translator, request: NodeRequest, response: GatewayResponse): void {
  const { outgoing } = request;
  const problem = problemOf(response);
  if (problem !== null) {
    refuse(translator, request, response, problem);
    return;
  }
  const { status, body } = response;
  const bodiless = status === 204 || status === 304;
  const silent = bodiless || request.method === 'HEAD';
  const whole = body === null || typeof body === 'string' || body instanceof Uint8Array;

  let announced: string | undefined;
  // Whether `Trailer` says that trailers will follow.
  let promised = false;
  // A copy of the list, made when a field has to go or to be added.
  let kept: string[] | null = null;
  const given = response.headers;
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const value = given[i + 1] as string;
    if (typeof name !== 'string' || typeof value !== 'string' || name === '') {
      const problem = name === '' ? 'has no name' : `is ${describe(value)}, not a string`;
      refuse(translator, request, response, `its header ${String(name)} ${problem}`);
      return;
    }
    if (isHopByHop(name)) {
      kept ??= given.slice(0, i);
      continue;
    }
    if (name.length === 14 && isName(name, 'content-length')) {
      // RFC 9110 section 8.6: a 204 has none.
      if (status === 204) {
        kept ??= given.slice(0, i);
        continue;
      }
      // Two of them are not digits either.
      announced = announced === undefined ? value : `${announced} and ${value}`;
    }
    if (name.length === 7 && isName(name, 'trailer')) promised = true;
    kept?.push(name, value);
  }

  let length = -1;
  if (whole && !bodiless && (body !== null || !silent)) {
    length = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    if (announced === undefined && (silent || !('trailers' in response))) {
      // For HEAD too: the length that GET would have (RFC 9110 section 8.6). Trailers need the chunked coding.
      kept ??= [...given];
      kept.push('Content-Length', String(length));
    }
  }
  if (announced !== undefined) {
    const wrong = whole && !silent ? announced !== String(length) : !/^\d+$/.test(announced);
    if (wrong) {
      refuseLength(translator, request, response, announced, length);
      return;
    }
  }
  if (translator.isLast(request)) {
    kept ??= [...given];
    kept.push('Connection', 'close');
  }

  if (promised) {
    const chunked = !silent && announced === undefined && request.incoming.httpVersionMinor > 0;
    // Only the chunked coding carries trailers, and node:http throws at a promise that it cannot keep.
    if (!chunked || (whole && !('trailers' in response))) kept = without(kept ?? given, 'trailer');
  }

  let iterator: AsyncIterator<Uint8Array> | null = null;
  try {
    // Before the head: a body that cannot be begun, one that was read before say, is answered by 500.
    if (!silent && (!whole || 'trailers' in response)) iterator = open(body);
  } catch (error) {
    translator.fail(request, error);
    return;
  }
  try {
    outgoing.writeHead(status, kept ?? (given as string[]));
  } catch (cause) {
    // node:http checks names and values. Nothing was written, but it keeps the reason phrase of its first try.
    outgoing.statusMessage = '';
    // A stream ends by its own destroy(): its iterator has not begun, and has nothing to end.
    if (iterator !== null && (whole || !('destroy' in (body as object)))) void giveBack(iterator);
    else void discard(response);
    translator.fail(request, new TsgiError('TSGI_ERR_RESPONSE', { problem: (cause as Error).message }, { cause }));
    return;
  }
  if (silent) {
    if (!whole) void discard(response);
    outgoing.end();
    translator.done(request, status, given, 0);
  } else if (iterator === null) {
    // As many bytes as characters: all of them ASCII, which latin1 carries unchanged and writes without transcoding.
    if (typeof body === 'string' && body.length === length) outgoing.end(body, 'latin1');
    else outgoing.end(body as string | Uint8Array | null);
    translator.done(request, status, given, length);
  } else void pump(translator, request, response, iterator, announced === undefined ? -1 : Number(announced));
}

function without(list: HeaderList, unwanted: string): string[] {
  return list.filter((_, i) => !isName(list[i - (i % 2)] as string, unwanted));
}

function refuse(translator: Translator, request: NodeRequest, response: GatewayResponse, problem: string): void {
  void discard(response);
  translator.fail(request, new TsgiError('TSGI_ERR_RESPONSE', { problem }));
}

function refuseLength(
  translator: Translator,
  request: NodeRequest,
  response: GatewayResponse,
  announced: string,
  length: number,
): void {
  void discard(response);
  const sent = length < 0 ? 'another number' : length;
  translator.fail(request, new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent }));
}

/** Why `response` is none, or `null`. Cheap: field syntax is left to node:http's own check. */
function problemOf(response: GatewayResponse | undefined): string | null {
  if (typeof response !== 'object' || response === null) return `it is ${describe(response)}, not an object`;
  const { status, headers, body } = response;
  if (!Number.isInteger(status) || status < 200 || status > 599) return `its status is ${describe(status)}`;
  if (!Array.isArray(headers)) return 'its headers are not a flat list of names and values';
  if (headers.length % 2 !== 0) return 'its header list has a name without a value';
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return null;
  if (typeof (body as Body | undefined)?.[Symbol.asyncIterator] !== 'function') return `its body is ${describe(body)}`;
  return null;
}

function describe(value: unknown): string {
  return value === null || typeof value !== 'object' ? String(value) : `an object of ${value.constructor?.name}`;
}

/** Tells the body of a response that nobody will read it, so that files and sockets behind it are closed. */
export async function discard(response: Outcome): Promise<void> {
  try {
    const body = response === TAKEN ? null : (response?.body as Body | string | null | undefined);
    if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) await discardBody(body as Body);
  } catch {
    // Nobody is left to be told.
  }
}

/** Ends an iterator that is not read to its end. It is the application's own, and may throw or return no promise. */
async function giveBack(iterator: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody is left to be told.
  }
}

/** Sends a body chunk by chunk, never faster than the client reads. */
async function pump(
  translator: Translator,
  request: NodeRequest,
  response: GatewayResponse,
  iterator: AsyncIterator<Uint8Array>,
  announced: number,
): Promise<void> {
  const { outgoing } = request;
  let sent = 0;
  // Set when the exchange has been counted out.
  let over = false;
  let wake: (() => void) | null = null;
  const onDrain = (): void => wake?.();
  const onClose = (): void => {
    wake?.();
    if (over || outgoing.writableEnded) return;
    // The client left: whoever makes the body must know it now, also while we wait for a chunk that may never come.
    over = true;
    translator.done(request, 0, response.headers, sent);
    void giveBack(iterator);
  };
  outgoing.on('drain', onDrain);
  outgoing.on('close', onClose);
  // The first chunk usually is there at once and leaves with the head. Where it is not, the head must not wait for it.
  const flush = setImmediate(() => outgoing.destroyed || outgoing.flushHeaders());
  try {
    for (;;) {
      const { done, value } = await iterator.next();
      if (done === true) break;
      if (!(value instanceof Uint8Array)) {
        throw new TsgiError('TSGI_ERR_RESPONSE', { problem: `its body gave ${describe(value)} instead of bytes` });
      }
      sent += value.byteLength;
      if (announced >= 0 && sent > announced) throw new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent });
      if (value.byteLength > 0 && !outgoing.write(value) && !outgoing.destroyed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
      if (outgoing.destroyed) return;
    }
    if (outgoing.destroyed) return;
    if (announced >= 0 && sent < announced) throw new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent });
    const trailers = response.trailers;
    if (trailers !== undefined && outgoing.chunkedEncoding) outgoing.addTrailers(record(trailers));
    outgoing.end();
    translator.done(request, response.status, response.headers, sent);
  } catch (error) {
    if (over || request.gone) return;
    over = true;
    translator.log.error(
      { err: error, requestId: request.id, method: request.method, target: request.target },
      'the response was cut: its body failed after the head was sent',
    );
    void giveBack(iterator);
    reset(outgoing);
    translator.done(request, response.status, response.headers, sent);
  } finally {
    clearImmediate(flush);
  }
}

function open(body: GatewayResponse['body']): AsyncIterator<Uint8Array> {
  if (body !== null && typeof body === 'object' && Symbol.asyncIterator in body) return body[Symbol.asyncIterator]();
  // A whole body that trailers follow.
  let left = body === null ? [] : [typeof body === 'string' ? Buffer.from(body) : body];
  return {
    next() {
      const value = left[0];
      left = [];
      return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
    },
  };
}

function record(list: HeaderList): Record<string, string> {
  const fields: Record<string, string> = Object.create(null);
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    const present = fields[name];
    fields[name] = present === undefined ? (list[i + 1] as string) : `${present}, ${list[i + 1]}`;
  }
  return fields;
}

/** Ends a connection so that the client cannot take what it got for the whole: a reset where the transport has one. */
function reset(outgoing: ServerResponse): void {
  try {
    // A Unix socket has no reset and throws; so does a socket of light-my-request, which has no such method.
    outgoing.socket?.resetAndDestroy();
  } catch {
    outgoing.destroy();
  }
}
