// The routes as a Hono application, a fetch function.

import type { Duplex } from 'node:stream';
import { type FetchEnv, fromFetch } from '@tsgi/bridge-fetch';
import {
  acceptKey,
  breaking,
  echoFrames,
  events,
  type Kind,
  long,
  pieces,
  type Source,
  steps,
} from '@tsgi/conformance';
import { type Context, Hono } from 'hono';
import { FIELDS, HOP, NOT_THE_INTERFACE, OWN_ERRORS, SECRET, SPLIT } from './node.ts';

type Env = { Bindings: FetchEnv };

const ONE_ANSWER = 'a fetch function returns its answer: nothing can come behind it';

export const hono: Kind = {
  name: 'hono',
  lacks: {
    interface: NOT_THE_INTERFACE,
    throwing: OWN_ERRORS,
    spelling: 'Headers are in lower case, and in an order of their own',
    target: 'the URL of a Request is a normalised one',
    trailers: 'a Response has no trailers',
    after: ONE_ANSWER,
    twice: ONE_ANSWER,
  },
  make(witness) {
    const app = new Hono<Env>();
    // Otherwise it writes errors to the console. Hono's own answer to an error that has one comes first.
    app.onError((error, c) =>
      'getResponse' in error ? (error.getResponse as () => Response)() : c.text('failed', 500),
    );
    app.get('/hello', (c) => c.text('Hello World!\n'));
    app.get('/text', (c) => c.text('Grüße, 世界'));
    app.post('/echo', (c) => new Response(c.req.raw.body));
    app.all('/count', async (c) => {
      if (c.req.header('x-wait') !== undefined) await witness.gate('read');
      let bytes = 0;
      try {
        for await (const chunk of c.req.raw.body ?? []) bytes += (chunk as Uint8Array).byteLength;
      } catch (error) {
        witness.tell('cut', error);
        throw error;
      }
      return c.text(String(bytes));
    });
    app.post('/ignore', (c) => c.text('ignored', 202));
    app.get('/seen', (c) => {
      const { protocol, host, pathname, search } = new URL(c.req.url);
      const { client, id } = c.env.gateway;
      const ip = client.kind === 'ip' ? client.address : '';
      return c.json({ method: c.req.method, url: pathname + search, host, protocol: protocol.slice(0, -1), ip, id });
    });
    app.get('/empty', (c) => c.body(null, 204));
    app.get('/unchanged', (c) => c.body(null, 304, { ETag: '"v1"' }));
    app.get('/fields', (c) => {
      for (const [name, value] of FIELDS) {
        for (const one of [value].flat()) c.header(name, one, { append: true });
      }
      return c.body(null);
    });
    app.get('/hop', (c) => {
      for (const [name, value] of HOP) c.header(name, value);
      return c.text('hop');
    });
    app.get('/steps', (c) => stream(c, steps(witness)));
    app.get('/stream', (c) => stream(c, long(witness)));
    app.get('/events', (c) => stream(c, events(witness), { 'Content-Type': 'text/event-stream' }));
    app.get('/gate', async (c) => {
      const { signal } = c.req.raw;
      const leave = (): void => witness.tell('left');
      signal.addEventListener('abort', leave, { once: true });
      witness.tell('waiting');
      await witness.gate('gate');
      signal.removeEventListener('abort', leave);
      return c.text('open');
    });
    app.get('/late', async (c) => {
      witness.tell('waiting');
      await witness.gate('late');
      return stream(c, long(witness));
    });
    app.get('/later', (c) => {
      c.executionCtx.waitUntil(witness.gate('later'));
      return c.text('later');
    });
    app.get('/throw', () => {
      throw new Error(SECRET);
    });
    app.get('/reject', async () => {
      await null;
      throw new Error(SECRET);
    });
    app.get('/break', (c) => stream(c, breaking(witness)));
    app.get('/short', (c) => stream(c, pieces('0123456789'), { 'Content-Length': '100' }));
    app.get('/long', (c) =>
      stream(c, pieces('0123456789', '0123456789012345678901234567890123456789'), { 'Content-Length': '5' }),
    );
    app.get('/split', (c) => {
      c.header(...SPLIT);
      return c.text('split');
    });
    app.get('/hints', (c) => {
      c.env.gateway.inform(103, ['Link', '</style.css>; rel=preload']);
      return c.text('hints');
    });
    app.get('/ws', (c) => {
      const { upgrade } = c.env.gateway;
      if (upgrade === null) return c.text('a WebSocket, please', 426);
      const socket = upgrade.take();
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${acceptKey(c.req.header('sec-websocket-key') ?? '')}\r\n\r\n`,
      );
      (socket as unknown as Duplex).once('close', () => witness.tell('socket closed'));
      echoFrames(socket, upgrade.head);
      return c.body(null);
    });
    // The URL of a Request is the whole one: an application that is mounted has its routes under the mount path.
    const outer = new Hono<Env>();
    for (const base of ['/', '/app', '/shop']) outer.route(base, app);
    return fromFetch(outer);
  },
};

function stream(c: Context<Env>, source: Source, headers: Record<string, string> = {}): Response {
  return c.body(ReadableStream.from(source) as ReadableStream, 200, { 'Content-Type': 'text/plain', ...headers });
}
