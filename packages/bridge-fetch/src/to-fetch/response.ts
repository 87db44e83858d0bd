// A gateway response as a Response, by the rules that an adapter keeps: no field of the connection, no body where there
// may be none, a Content-Length that holds.

import { type Body, discardBody, type GatewayResponse, isHopByHop, TsgiError } from '@tsgi/core';

/** Called once, when the last of a response has been read or nobody wants it any more; with the error when its body failed. */
type OnEnd = (error?: unknown) => void;

const encoder = new TextEncoder();

/** `response` to a request of this method. Throws what makes it unsendable; its body has been let go then. */
export async function fetchResponse(response: GatewayResponse, method: string, onEnd: OnEnd): Promise<Response> {
  const problem = problemOf(response);
  if (problem !== null) throw new TsgiError('TSGI_ERR_RESPONSE', { problem });
  const { status, body } = response;
  try {
    const headers = fieldsOf(response);
    const announced = lengthOf(headers);
    // Statuses without a body: RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5; Response refuses one there.
    const never = status === 204 || status === 205 || status === 304;
    const silent = never || method === 'HEAD';

    if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
      // Not as a string: Response would add a Content-Type that the application did not set.
      const bytes = typeof body === 'string' ? encoder.encode(body) : body;
      const length = bytes?.byteLength ?? 0;
      if (announced === -1) {
        if (bytes !== null && !never) headers.set('content-length', String(length));
      } else if (!silent && announced !== length) {
        throw new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent: length });
      }
      onEnd();
      return new Response(silent ? null : (bytes as Uint8Array<ArrayBuffer>), { status, headers });
    }
    if (silent) {
      await discardBody(body);
      onEnd();
      return new Response(null, { status, headers });
    }
    return new Response(streamOf(body, announced, onEnd), { status, headers });
  } catch (error) {
    // Of two errors the first one is told.
    await discardBody(body).catch(ignore);
    throw error;
  }
}

/** A response of the bridge itself. */
export function plain(status: number, body: string, method: string): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': String(body.length) };
  return new Response(method === 'HEAD' ? null : body, { status, headers });
}

function problemOf(response: GatewayResponse | undefined): string | null {
  if (typeof response !== 'object' || response === null) return `it is ${describe(response)}, not an object`;
  const { status, headers, body } = response;
  if (!Number.isInteger(status) || status < 200 || status > 599) return `its status is ${describe(status)}`;
  if (!Array.isArray(headers) || headers.length % 2 !== 0) return 'its headers are not a flat list of names and values';
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return null;
  if (typeof (body as Body | undefined)?.[Symbol.asyncIterator] !== 'function') return `its body is ${describe(body)}`;
  return null;
}

function describe(value: unknown): string {
  return value === null || typeof value !== 'object' ? String(value) : `an object of ${value.constructor?.name}`;
}

/** The fields that go on. Throws a TypeError for what is no field name or value. */
function fieldsOf({ headers: list }: GatewayResponse): Headers {
  const headers = new Headers();
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    if (!isHopByHop(name)) headers.append(name, list[i + 1] as string);
  }
  return headers;
}

/** The announced length, or -1. */
function lengthOf(headers: Headers): number {
  const value = headers.get('content-length');
  if (value === null) return -1;
  if (/^\d+$/.test(value)) return Number(value);
  throw new TsgiError('TSGI_ERR_RESPONSE', { problem: `its Content-Length is "${value}"` });
}

/** A stream that takes one chunk from `body` for every read, and never another than `announced` bytes unless that is -1. */
function streamOf(body: Body, announced: number, onEnd: OnEnd): ReadableStream<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array> | undefined;
  let sent = 0;
  let cancelled = false;

  /** The next bytes, or `undefined` at the end. */
  async function next(): Promise<Uint8Array | undefined> {
    iterator ??= body[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) {
        if (sent < announced) throw new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent });
        return undefined;
      }
      if (!(value instanceof Uint8Array)) {
        throw new TsgiError('TSGI_ERR_RESPONSE', { problem: `its body gave ${describe(value)} instead of bytes` });
      }
      sent += value.byteLength;
      if (announced !== -1 && sent > announced) throw new TsgiError('TSGI_ERR_CONTENT_LENGTH', { announced, sent });
      if (value.byteLength > 0) return value;
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await next();
          if (cancelled) return;
          if (chunk !== undefined) controller.enqueue(chunk);
          else {
            controller.close();
            onEnd();
          }
        } catch (error) {
          if (cancelled) return;
          onEnd(error);
          iterator?.return?.().catch(ignore);
          throw error;
        }
      },
      async cancel() {
        cancelled = true;
        try {
          if (iterator === undefined) await discardBody(body);
          else await iterator.return?.();
        } finally {
          onEnd();
        }
      },
    },
    // Nothing is made before it is asked for.
    { highWaterMark: 0 },
  );
}

function ignore(): void {}
