// The plain kind: the routes as an application that speaks the gateway interface itself. What it does is the measure for
// the other kinds.

import {
  type Application,
  type Body,
  type Context,
  type GatewayRequest,
  type GatewayResponse,
  header,
  type Outcome,
  TAKEN,
} from '@tsgi/core';
import type { Kind } from './kind.ts';
import { breaking, events, long, pieces, steps } from './sources.ts';
import { acceptKey, echoFrames } from './websocket.ts';
import type { Witness } from './witness.ts';

const ONE_ANSWER = 'handle returns its answer: nothing can come behind it';

export const plain: Kind = {
  name: 'plain',
  lacks: {
    hop: 'what an application of the interface does with these fields has a case of its own',
    after: ONE_ANSWER,
    twice: ONE_ANSWER,
  },
  make: (witness) => new Plain(witness),
};

class Plain implements Application {
  readonly #witness: Witness;

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  handle(request: GatewayRequest, context: Context): Outcome | Promise<Outcome> {
    const witness = this.#witness;
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
      case '/steps':
        return text(steps(witness));
      case '/stream':
        return text(long(witness));
      case '/events':
        return { status: 200, headers: ['Content-Type', 'text/event-stream'], body: events(witness) };
      case '/gate':
        return this.#gated(request);
      case '/late':
        witness.tell('waiting');
        return witness.gate('late').then(() => text(long(witness)));
      case '/later':
        context.waitUntil(witness.gate('later'));
        return text('later');
      case '/throw':
        throw new Error('secret');
      case '/reject':
        return Promise.resolve().then(() => Promise.reject(new Error('secret')));
      case '/break':
        return text(breaking(witness));
      case '/short':
        return text(pieces('0123456789'), ['Content-Length', '100']);
      case '/long':
        return text(pieces('0123456789', '0123456789012345678901234567890123456789'), ['Content-Length', '5']);
      case '/split':
        return text('split', ['x-split', 'a\r\nx-injected: b']);
      case '/hints':
        request.inform(103, ['Link', '</style.css>; rel=preload']);
        return text('hints');
      case '/trailers':
        return { ...text(pieces('bo', 'dy')), trailers: ['X-Checksum', '1234'] };
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

  #webSocket(request: GatewayRequest): Outcome {
    const { upgrade } = request;
    const key = header(request.headers, 'sec-websocket-key');
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

function text(body: string | Body, headers: readonly string[] = []): GatewayResponse {
  return { status: 200, headers: ['Content-Type', 'text/plain', ...headers], body };
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
