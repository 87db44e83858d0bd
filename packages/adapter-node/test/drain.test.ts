import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { createContext } from '@tsgi/core';
import t from 'tap';
import { serve } from './fixtures/serve.ts';

const keepAlive = () => new http.Agent({ keepAlive: true, maxSockets: 1 });

async function get(url: string, agent: http.Agent): Promise<http.IncomingMessage & { text: string }> {
  const [reply] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage & { text: string }];
  reply.text = '';
  for await (const chunk of reply) reply.text += chunk;
  return reply;
}

t.test('what is in flight is finished, with Connection: close', async (t) => {
  const handled = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { server, url } = await serve(t, async () => {
    handled.resolve();
    await finish.promise;
    return { status: 200, headers: [], body: 'late' };
  });
  const reply = get(url, keepAlive());
  await handled.promise;
  const drained = server.drain();
  finish.resolve();
  const { text, headers } = await reply;
  t.equal(text, 'late');
  t.equal(headers.connection, 'close');
  await drained;
  t.match(server.stats(), { connections: 0, inFlight: 0, requests: 1, aborted: 0 });
});

t.test('a request that arrives on an open connection after the listener closed is still answered', async (t) => {
  const { server, url } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }));
  const agent = keepAlive();
  t.equal((await get(url, agent)).headers.connection, 'keep-alive');
  const drained = server.drain();
  const last = await get(url, agent);
  t.equal(last.text, 'ok');
  t.equal(last.headers.connection, 'close');
  await t.rejects(get(url, keepAlive()), { code: 'ECONNREFUSED' });
  await drained;
});

t.test('the context is told first: draining aborts and readiness ends', async (t) => {
  const control = createContext();
  const { server } = await serve(t, () => ({ status: 200, headers: [], body: null }), { context: control });
  t.equal(control.ready, true);
  const drained = server.drain();
  t.equal(control.context.draining.aborted, true);
  t.match(control, { ready: false, reason: 'draining' });
  await drained;
});

t.test('with a delay the listener stays open while load balancers notice', async (t) => {
  const { server, url } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }));
  const drained = server.drain({ delay: 200 });
  const agent = keepAlive();
  t.match(await get(url, agent), { text: 'ok', headers: { connection: 'close' } }, 'and uses no connection twice');
  await drained;
  await t.rejects(get(url, keepAlive()), { code: 'ECONNREFUSED' });
});

t.test('what outlasts the graceful time is cut', async (t) => {
  const handled = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const { server, url } = await serve(t, ({ signal }) => {
    signal.addEventListener('abort', () => aborted.resolve());
    handled.resolve();
    return new Promise(() => {});
  });
  const failed = t.rejects(get(url, keepAlive()), { code: 'ECONNRESET' });
  await handled.promise;
  await server.drain({ graceful: 20 });
  await failed;
  await aborted.promise;
});

t.test('connections that wait in the backlog are accepted before the listener closes', async (t) => {
  const { server, port } = await serve(t, () => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'ok' }));
  // Connected by the system while this process is busy, so that nobody has accepted them yet.
  const sockets = Array.from({ length: 50 }, () => net.connect(port, '127.0.0.1'));
  const replies = sockets.map(async (socket) => {
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await server.drain();
  const texts = await Promise.all(replies);
  t.equal(texts.filter((text) => text.startsWith('HTTP/1.1 200')).length, 50);
});

t.test('a drain waits for waitUntil before it stops the application', async (t) => {
  const calls: string[] = [];
  const work = Promise.withResolvers<void>();
  const { server, url } = await serve(t, {
    handle(_request, context) {
      context.waitUntil(work.promise.then(() => void calls.push('work')));
      return { status: 202, headers: [], body: null };
    },
    stop: () => void calls.push('stop'),
  });
  await get(url, keepAlive());
  const drained = server.drain();
  work.resolve();
  await drained;
  t.strictSame(calls, ['work', 'stop']);
});

t.test('work that never ends is not waited for longer than the graceful time', async (t) => {
  const { server, url } = await serve(t, {
    handle(_request, context) {
      context.waitUntil(new Promise(() => {}));
      return { status: 202, headers: [], body: null };
    },
    stop() {
      t.pass('stopped');
    },
  });
  await get(url, keepAlive());
  await server.drain({ graceful: 20 });
});

t.test('a stream that ends on draining ends its reply whole', async (t) => {
  const { server, url } = await serve(t, (_request, { draining }) => ({
    status: 200,
    headers: ['Content-Type', 'text/event-stream'],
    body: (async function* () {
      yield Buffer.from('data: hello\n\n');
      if (!draining.aborted) await once(draining, 'abort');
      yield Buffer.from('event: end\n\n');
    })(),
  }));
  const [reply] = (await once(http.get(url, { agent: keepAlive() }), 'response')) as [http.IncomingMessage];
  let text = '';
  reply.on('data', (chunk) => {
    text += chunk;
  });
  await once(reply, 'data');
  await Promise.all([server.drain(), once(reply, 'end')]);
  t.equal(text, 'data: hello\n\nevent: end\n\n');
});

t.test('drain and close can be called again, and close cuts a drain short', async (t) => {
  const handled = Promise.withResolvers<void>();
  const { server, url } = await serve(t, () => {
    handled.resolve();
    return new Promise(() => {});
  });
  const failed = t.rejects(get(url, keepAlive()), { code: 'ECONNRESET' });
  await handled.promise;
  const drains = [server.drain(), server.drain()];
  await server.close();
  await Promise.all(drains);
  await failed;
});

t.test('a drain does not wait for a connection that owes its PROXY header', async (t) => {
  const { server, port } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }), { proxyProtocol: true });
  const silent = net.connect(port, '127.0.0.1');
  silent.on('error', () => {});
  silent.write('PROXY TC');
  await once(silent, 'connect');
  const asked = net.connect(port, '127.0.0.1');
  asked.write('PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  // Answered in turn: by then the first connection has been accepted too.
  await once(asked, 'data');
  const closed = once(silent, 'close');
  // Far beyond the time of the test: only the connection itself can end the drain.
  await server.drain({ graceful: 600_000 });
  await closed;
});
