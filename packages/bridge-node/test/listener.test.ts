import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { finished, PassThrough, pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { listen } from '@tsgi/adapter-node';
import { type Log, timeLimit } from '@tsgi/core';
import Koa from 'koa';
import t, { type Test } from 'tap';
import WebSocket, { WebSocketServer } from 'ws';
import { fromKoa, fromNodeListener, type Listener, type NodeListenerOptions } from '../src/index.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const done = promisify(finished);

async function serve(t: Test, listener: Listener, options: NodeListenerOptions = {}, log = silent): Promise<string> {
  const server = await listen(fromNodeListener(listener, options), '127.0.0.1:0', { log });
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address as { port: number }).port}`;
}

t.test('headers set one by one, by writeHead and as a list arrive as on node:http', async (t) => {
  const listener: Listener = (_req, res) => {
    res.setHeader('X-One', 1);
    res.setHeader('X-Many', ['a', 'b']);
    res.appendHeader('x-many', 'c');
    res.setHeaders(
      new Headers([
        ['set-cookie', 'x=1'],
        ['set-cookie', 'y=2'],
      ]),
    );
    res.setHeader('X-Gone', 'no');
    res.removeHeader('x-gone');
    res.writeHead(202, ['X-One', 'two', 'X-Last', 'z']);
    res.end('ok');
  };
  const ours = await fetch(await serve(t, listener));
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const theirs = await fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  const shown = (reply: Response) => [...reply.headers].filter(([name]) => /^x-|cookie/.test(name));
  t.strictSame(shown(ours), shown(theirs));
  t.equal(ours.status, 202);
});

t.test('header state reads as on node:http', async (t) => {
  const seen: unknown[] = [];
  const url = await serve(t, (_req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    seen.push(res.getHeader('content-TYPE'), res.hasHeader('CONTENT-type'), res.getHeaderNames());
    seen.push(
      (res as { getRawHeaderNames?(): string[] }).getRawHeaderNames?.(),
      { ...res.getHeaders() },
      res.headersSent,
      res.writableEnded,
    );
    t.throws(() => res.setHeader('bad name', '1'), { code: 'ERR_INVALID_HTTP_TOKEN' });
    t.throws(() => res.setHeader('x', 'a\r\nb: c'), { code: 'ERR_INVALID_CHAR' });
    t.throws(() => res.setHeader('x', undefined as never), { code: 'ERR_HTTP_INVALID_HEADER_VALUE' });
    t.throws(() => res.writeHead(99), { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
    res.end('x');
    seen.push(res.headersSent, res.writableEnded);
    t.throws(() => res.setHeader('x', '1'), { code: 'ERR_HTTP_HEADERS_SENT' });
    t.throws(() => res.writeHead(200), { code: 'ERR_HTTP_HEADERS_SENT' });
  });
  await (await fetch(url)).text();
  t.strictSame(seen, [
    'text/plain',
    true,
    ['content-type'],
    ['Content-Type'],
    { 'content-type': 'text/plain' },
    false,
    false,
    true,
    true,
  ]);
});

t.test('a body is streamed through with back-pressure in both directions', async (t) => {
  const url = await serve(t, (req, res) => {
    pipeline(req, res, () => {});
  });
  const size = 5_000_000;
  const body = Readable.from(
    (function* () {
      for (let left = size; left > 0; left -= 50_000) yield Buffer.alloc(50_000, 'x');
    })(),
  );
  const reply = await fetch(url, {
    method: 'POST',
    body: Readable.toWeb(body) as ReadableStream,
    duplex: 'half',
  } as RequestInit);
  t.equal((await reply.arrayBuffer()).byteLength, size);
});

t.test('write returns false when nobody reads, and drain follows when they do', async (t) => {
  let writes = 0;
  const stalled = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<void>();
  const url = await serve(t, (_req, res) => {
    const chunk = Buffer.alloc(100_000);
    // Bounded by the buffers of two sockets, far below this number.
    while (res.write(chunk) && writes < 1000) writes++;
    stalled.resolve();
    t.equal(res.writableNeedDrain, true);
    res.once('drain', () => {
      drained.resolve();
      res.end();
    });
  });
  const request = http.get(url, { agent: false });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  await stalled.promise;
  t.ok(writes < 1000);
  reply.resume();
  await drained.promise;
  await once(reply, 'end');
});

t.test('write calls back also for what a client that left will never get', async (t) => {
  const full = Promise.withResolvers<void>();
  const called = Promise.withResolvers<Error | null | undefined>();
  const url = await serve(t, (_req, res) => {
    // More than the buffers of both systems hold.
    res.write(Buffer.alloc(64 * 1024 * 1024));
    res.write('last', (error) => called.resolve(error));
    full.resolve();
  });
  const request = http.get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await full.promise;
  response.on('error', () => {}).destroy();
  t.match(await called.promise, { code: 'ECANCELED' });
});

t.test('finish and close come once, in this order, and finished() resolves', async (t) => {
  const events: string[] = [];
  const over = Promise.withResolvers<void>();
  const url = await serve(t, (_req, res) => {
    res.on('finish', () => events.push('finish'));
    res.on('close', () => events.push('close'));
    done(res).then(() => over.resolve());
    res.write('a');
    res.end('b', () => events.push('callback'));
  });
  t.equal(await (await fetch(url)).text(), 'ab');
  await over.promise;
  t.strictSame(events, ['finish', 'callback', 'close']);
});

t.test('a client that leaves closes req and res, with the events of node:http', async (t) => {
  const events: string[] = [];
  const closed = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const url = await serve(t, (req, res) => {
    req.on('aborted', () => events.push('req aborted'));
    req.on('close', () => events.push('req close'));
    req.socket.on('close', () => events.push('socket close'));
    res.on('finish', () => events.push('res finish'));
    res.on('close', () => {
      events.push('res close');
      setImmediate(() => closed.resolve());
    });
    started.resolve();
  });
  const request = http.get(url, { agent: false });
  request.on('error', () => {});
  await started.promise;
  request.destroy();
  await closed.promise;
  t.strictSame(events.toSorted(), ['req aborted', 'req close', 'res close', 'socket close']);
});

t.test('an upload that is cut ends its stream with an error', async (t) => {
  const failed = Promise.withResolvers<Error & { code?: string }>();
  const started = Promise.withResolvers<void>();
  const url = await serve(t, (req) => {
    req.on('data', () => started.resolve());
    req.on('error', failed.resolve);
  });
  const request = http.request(url, { method: 'POST', agent: false });
  request.on('error', () => {});
  request.write('part');
  await started.promise;
  request.destroy();
  t.equal((await failed.promise).code, 'ECONNRESET');
});

t.test('an upload that is refused is no longer in flight, whatever the listener waits for', async (t) => {
  const listener: Listener = (req, res) => void req.resume().on('end', () => res.end());
  const server = await listen(fromNodeListener(listener), '127.0.0.1:0', { log: silent });
  t.teardown(() => server.close());
  const socket = net.connect((server.address as { port: number }).port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiXX');
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 400 /);
  socket.destroy();
  await once(socket, 'close');
  t.match(server.stats(), { inFlight: 0, requests: 1, refused: 1 });
});

t.test('a listener that throws or rejects answers 500 and tells the log, not the client', async (t) => {
  const logged: object[] = [];
  const log = { ...silent, error: (fields: object) => void logged.push(fields) };
  const url = await serve(
    t,
    (req) => {
      if (req.url === '/sync') throw new Error('secret detail');
      return Promise.reject(new Error('secret detail'));
    },
    {},
    log,
  );
  for (const path of ['/sync', '/async']) {
    const reply = await fetch(url + path);
    t.equal(reply.status, 500);
    t.notMatch(await reply.text(), /secret/);
  }
  t.equal(logged.length, 2);
});

t.test('writing after the end is an error of the program and harms no reply', async (t) => {
  const failed = Promise.withResolvers<Error & { code?: string }>();
  const url = await serve(t, (_req, res) => {
    res.on('error', failed.resolve);
    res.end('whole');
    t.equal(res.write('more'), false);
    res.end();
  });
  t.equal(await (await fetch(url)).text(), 'whole');
  t.equal((await failed.promise).code, 'ERR_STREAM_WRITE_AFTER_END');
});

t.test('early hints and processing arrive before the reply', async (t) => {
  const url = await serve(t, (_req, res) => {
    res.writeProcessing();
    res.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'] });
    res.end('done');
  });
  const request = http.get(url, { agent: false });
  const informed: number[] = [];
  request.on('information', ({ statusCode }) => informed.push(statusCode));
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  reply.resume();
  t.strictSame(informed, [102, 103]);
});

t.test('100 Continue is sent when the body is read, and not before', async (t) => {
  const url = await serve(t, (req, res) => {
    if (req.url === '/refuse') res.writeHead(403).end();
    else req.pipe(res);
  });
  for (const path of ['/read', '/refuse']) {
    const request = http.request(url + path, { method: 'POST', agent: false, headers: { expect: '100-continue' } });
    let continued = false;
    request.on('continue', () => {
      continued = true;
      request.end('body');
    });
    request.flushHeaders();
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    reply.resume();
    await once(reply, 'end');
    t.equal(continued, path === '/read');
    t.equal(reply.statusCode, path === '/read' ? 200 : 403);
    request.destroy();
  }
});

t.test('HEAD, 204 and 304 have no body, whatever the listener writes', async (t) => {
  const url = await serve(t, (req, res) => {
    res.statusCode = Number(req.url?.slice(1));
    res.write('some');
    res.end('text');
  });
  for (const status of [204, 304]) t.equal(await (await fetch(`${url}/${status}`)).text(), '');
  const head = await fetch(`${url}/200`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(await head.text(), '');
});

t.test('res.destroy() after the head cuts the reply', async (t) => {
  const url = await serve(t, (_req, res) => {
    res.write('half', () => res.destroy());
  });
  // The reset may overtake the head.
  await t.rejects(async () => (await fetch(url)).text());
});

t.test('ws serves WebSockets by the upgrade option', async (t) => {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (client) => client.on('message', (data) => client.send(data.toString().toUpperCase())));
  const url = await serve(t, (_req, res) => void res.end('plain'), {
    upgrade: (req, socket, head) =>
      sockets.handleUpgrade(req, socket as Socket, head, (client) => sockets.emit('connection', client, req)),
  });
  const client = new WebSocket(url.replace('http', 'ws'));
  await once(client, 'open');
  client.send('hello');
  t.equal(String((await once(client, 'message'))[0]), 'HELLO');
  client.close();
  await once(client, 'close');
  t.equal(await (await fetch(url)).text(), 'plain');
});

t.test('an upgrade listener that rejects loses its socket, and the log tells why', async (t) => {
  const logged: unknown[] = [];
  const log: Log = { ...silent, error: (fields, message) => void logged.push({ fields, message }) };
  const upgrade = () => Promise.reject(new Error('no database'));
  const url = await serve(t, (_req, res) => void res.end(), { upgrade }, log);
  const client = new WebSocket(url.replace('http', 'ws'));
  const [error] = await once(client, 'error');
  t.match(error, { code: 'ECONNRESET' });
  t.match(logged, [{ fields: { err: { message: 'no database' } }, message: /took the socket/ }]);
});

t.test('Koa answers strings, objects, streams and errors', async (t) => {
  const app = new Koa();
  app.silent = true;
  app.use((ctx) => {
    if (ctx.path === '/text') ctx.body = 'text';
    else if (ctx.path === '/json') ctx.body = { ip: ctx.ip, secure: ctx.secure, host: ctx.host.startsWith('127.') };
    else if (ctx.path === '/stream') ctx.body = Readable.from(['a', 'b']);
    else if (ctx.path === '/throw') ctx.throw(418, 'no');
  });
  const server = await listen(fromKoa(app), '127.0.0.1:0', { log: silent });
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address as { port: number }).port}`;
  t.equal(await (await fetch(`${url}/text`)).text(), 'text');
  t.strictSame(await (await fetch(`${url}/json`)).json(), { ip: '127.0.0.1', secure: false, host: true });
  t.equal(await (await fetch(`${url}/stream`)).text(), 'ab');
  t.equal((await fetch(`${url}/throw`)).status, 418);
  t.equal((await fetch(`${url}/missing`)).status, 404);
});

t.test('res.destroy() and req.socket.destroy() before the head reset the connection, and req closes', async (t) => {
  for (const destroy of ['res', 'socket']) {
    const closed = Promise.withResolvers<void>();
    const url = await serve(t, (req, res) => {
      req.on('close', () => closed.resolve());
      if (destroy === 'res') res.destroy();
      else req.socket.destroy();
    });
    await t.rejects(fetch(url));
    await closed.promise;
  }
});

t.test('a time-out set on res, req or the socket comes, and ends the connection where nobody listens', async (t) => {
  const url = await serve(t, (req, res) => {
    if (req.url === '/res') res.setTimeout(20, () => res.end('late'));
    if (req.url === '/req') req.setTimeout(20, () => res.end('late'));
    if (req.url === '/none') req.socket.setTimeout(20);
    if (req.url === '/off') {
      res.setTimeout(1, () => res.end('late'));
      res.setTimeout(0);
      setImmediate(() => res.end('in time'));
    }
  });
  t.equal(await (await fetch(`${url}/res`)).text(), 'late');
  t.equal(await (await fetch(`${url}/req`)).text(), 'late');
  t.equal(await (await fetch(`${url}/off`)).text(), 'in time');
  await t.rejects(fetch(`${url}/none`));
});

t.test('a request whose time is up is logged once, and not as a client that left', async (t) => {
  const lines: string[] = [];
  const log: Log = { ...silent, error: (_fields, message) => void lines.push(message) };
  const closed = Promise.withResolvers<void>();
  const listener = fromNodeListener((_req, res) => void res.on('close', closed.resolve));
  const server = await listen(timeLimit(20)(listener), '127.0.0.1:0', { log });
  t.teardown(() => server.close());
  const { status } = await fetch(`http://127.0.0.1:${(server.address as { port: number }).port}`);
  t.equal(status, 504);
  await closed.promise;
  t.strictSame(lines, ['the application did not answer within 20 ms']);
});

t.test('a close listener that was put first hears of a client that leaves', async (t) => {
  const started = Promise.withResolvers<void>();
  const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const url = await serve(t, (req, res) => {
    req.prependListener('close', () => closed[0]?.resolve());
    res.prependOnceListener('close', () => closed[1]?.resolve());
    started.resolve();
  });
  const request = http.get(url, { agent: false });
  request.on('error', () => {});
  await started.promise;
  request.destroy();
  await Promise.all(closed.map(({ promise }) => promise));
  t.pass('both closed');
});

t.test(
  'a response that is destroyed under a pipe, and a request that is destroyed, end the connection and nothing else',
  async (t) => {
    const url = await serve(t, (req, res) => {
      if (req.url === '/req') {
        req.destroy();
        return;
      }
      const body = new PassThrough();
      // A pipe throws an error that its destination reports.
      body.pipe(res);
      body.write('half');
      setImmediate(() => res.destroy(new Error('gone')));
    });
    await t.rejects(fetch(`${url}/res`).then((response) => response.text()));
    await t.rejects(fetch(`${url}/req`));
  },
);
