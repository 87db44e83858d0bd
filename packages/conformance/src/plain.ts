// The plain kind: the routes as an application that speaks the gateway interface itself. What it does is the measure for
// the other kinds.

import { once } from 'node:events';
import {
  type Application,
  type Body,
  type Context,
  type GatewayRequest,
  type GatewayResponse,
  headerValues,
  type Outcome,
  TAKEN,
} from '@tsgi/core';
import type { Kind } from './kind.ts';
import { acceptKey, echoFrames } from './websocket.ts';
import type { Witness } from './witness.ts';

/** How many chunks `/stream` has, of {@link CHUNK} bytes each. */
export const CHUNKS = 1024;
export const CHUNK: Uint8Array = Buffer.alloc(65_536, 'stream ');

export const plain: Kind = {
  name: 'plain',
  lacks: {
    hop: 'an application of its own has cases of its own for these fields',
    after: 'handle returns its answer: nothing comes behind it',
    twice: 'handle returns its answer: nothing comes behind it',
  },
  make: (witness) => new Plain(witness),
};

const TEXT = ['Content-Type', 'text/plain'] as const;

class Plain implements Application {
  readonly #witness: Witness;

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  handle(request: GatewayRequest, context: Context): Outcome | Promise<Outcome> {
    const path = request.target.replace(/\?.*/, '');
    switch (path) {
      case '/hello':
        return text('Hello World!\n');
      case '/text':
        return { status: 200, headers: ['Content-Type', 'text/plain; charset=utf-8'], body: 'Grüße, 世界' };
      case '/echo':
        return { status: 200, headers: ['Content-Type', 'application/octet-stream'], body: request.body };
      case '/count':
        return this.#count(request);
      case '/ignore':
        return { ...text('ignored'), status: 202 };
      case '/seen':
        return seen(request);
      case '/empty':
        return { status: 204, headers: [], body: null };
      case '/unchanged':
        return { status: 304, headers: ['ETag', '"v1"'], body: null };
      case '/fields': {
        const fields = ['X-First', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'x-second', '2', 'X-tHiRd', '3'];
        return { status: 200, headers: fields, body: null };
      }
      case '/hop':
        return text('hop', ['Connection', 'x-secret', 'Keep-Alive', 'timeout=1234', 'Proxy-Connection', 'keep-alive']);
      case '/steps':
        return stream(this.#steps());
      case '/stream':
        return stream(this.#stream());
      case '/events':
        return { status: 200, headers: ['Content-Type', 'text/event-stream'], body: events(context.draining) };
      case '/gate':
        return this.#gated(request);
      case '/late':
        this.#witness.tell('waiting');
        return this.#witness.gate('late').then(() => stream(this.#stream()));
      case '/later':
        context.waitUntil(this.#witness.gate('later'));
        return text('later');
      case '/throw':
        throw new Error('secret');
      case '/reject':
        return Promise.resolve().then(() => Promise.reject(new Error('secret')));
      case '/break':
        return stream(this.#breaking());
      case '/short':
        return stream(pieces('0123456789'), ['Content-Length', '100']);
      case '/long':
        return stream(pieces('0123456789', '0123456789012345678901234567890123456789'), ['Content-Length', '5']);
      case '/split':
        return text('split', ['x-split', 'a\r\nx-injected: b']);
      case '/hints':
        request.inform(103, ['Link', '</style.css>; rel=preload']);
        return text('hints');
      case '/trailers':
        return { ...stream(pieces('bo', 'dy')), trailers: ['X-Checksum', '1234'] };
      case '/ws':
        return this.#webSocket(request);
      default:
        return { ...text(`there is no ${path}`), status: 404 };
    }
  }

  async #count(request: GatewayRequest): Promise<Outcome> {
    if (request.fields['x-wait'] !== undefined) await this.#witness.gate('read');
    let bytes = 0;
    try {
      for await (const chunk of request.body ?? []) bytes += chunk.byteLength;
    } catch (error) {
      this.#witness.tell('cut', error);
      throw error;
    }
    return text(String(bytes));
  }

  async #gated(request: GatewayRequest): Promise<Outcome> {
    const leave = (): void => this.#witness.tell('left');
    request.signal.addEventListener('abort', leave, { once: true });
    this.#witness.tell('waiting');
    await this.#witness.gate('gate');
    request.signal.removeEventListener('abort', leave);
    return text('open');
  }

  async *#steps(): Body {
    yield Buffer.from('one');
    await this.#witness.gate('step');
    yield Buffer.from('two');
  }

  async *#stream(): Body {
    try {
      for (let i = 0; i < CHUNKS; i++) {
        this.#witness.made++;
        yield CHUNK;
      }
    } finally {
      this.#witness.tell('stream closed');
    }
  }

  async *#breaking(): Body {
    yield Buffer.from('one');
    await this.#witness.gate('break');
    throw new Error('secret');
  }

  #webSocket(request: GatewayRequest): Outcome {
    const { upgrade } = request;
    const key = headerValues(request.headers, 'sec-websocket-key')[0];
    if (upgrade === null || key === undefined) return { ...text('a WebSocket, please'), status: 426 };
    const socket = upgrade.take();
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
    );
    socket.once('close', () => this.#witness.tell('socket closed'));
    echoFrames(socket, upgrade.head);
    return TAKEN;
  }
}

function text(body: string, headers: readonly string[] = []): GatewayResponse {
  return { status: 200, headers: [...TEXT, ...headers], body };
}

function stream(body: Body, headers: readonly string[] = []): GatewayResponse {
  return { status: 200, headers: [...TEXT, ...headers], body };
}

async function* pieces(...texts: string[]): Body {
  for (const piece of texts) yield Buffer.from(piece);
}

async function* events(draining: AbortSignal): Body {
  yield Buffer.from('data: hello\n\n');
  if (!draining.aborted) await once(draining, 'abort');
  yield Buffer.from('data: bye\n\n');
}

function seen(request: GatewayRequest): GatewayResponse {
  const { client } = request;
  const told = {
    method: request.method,
    url: request.mountPath + request.target,
    host: request.host,
    protocol: request.scheme,
    ip: client.kind === 'ip' ? client.address : '',
    id: request.id,
  };
  return { status: 200, headers: ['Content-Type', 'application/json'], body: JSON.stringify(told) };
}
