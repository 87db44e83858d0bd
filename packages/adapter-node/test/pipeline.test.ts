// Several requests on one connection without waiting: none is mixed up with another, and none follows a refused one.

import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { exchange } from './fixtures/raw.ts';
import { serve } from './fixtures/serve.ts';

const END = '\r\nHost: a\r\n\r\n';
const UPGRADE = '\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const statuses = (reply: string) => Array.from(reply.matchAll(/HTTP\/1\.1 (\d{3})/g), ([, status]) => Number(status));

/** An application whose `/slow` answers when the packet that it came with has been read to its end. */
const slow = async ({ target }: { target: string }) => {
  if (target === '/slow') await new Promise((resolve) => setImmediate(resolve));
  return { status: 200, headers: [], body: target };
};

t.test('a WebSocket handshake behind a request whose answer is not out is an ordinary request', async (t) => {
  const { port, server } = await serve(t, slow);
  const last = UPGRADE.replace('Upgrade\r\n', 'Upgrade, close\r\n');
  const reply = await exchange(port, `GET /slow HTTP/1.1${END}GET /ws HTTP/1.1${last}`);
  t.same(statuses(reply), [200, 200]);
  t.match(reply, /\/slow.*\/ws/s);
  t.match(server.stats(), { inFlight: 0, requests: 2 });
});

t.test('a refusal comes behind the answers to the requests before it', async (t) => {
  const { port, server } = await serve(t, slow, { limits: { bodyBytes: 10 } });
  const refused: [number, string][] = [
    [400, 'GET / HTTP/1.1\r\n\r\n'],
    [413, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n'],
    [501, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
    [417, `GET / HTTP/1.1\r\nExpect: a miracle${END}`],
    [400, 'NONSENSE\r\n\r\n'],
  ];
  for (const [status, bytes] of refused) {
    const reply = await exchange(port, `GET /slow HTTP/1.1${END}${bytes}`);
    t.same(statuses(reply), [200, status], bytes);
  }
  t.match(server.stats(), { inFlight: 0, refused: refused.length, requests: refused.length });
});

t.test('a client that leaves before CONNECT had its turn is noticed by the requests in front of it', async (t) => {
  const aborted: Promise<void>[] = [];
  const handled = Promise.withResolvers<void>();
  const { port, server } = await serve(t, ({ target, signal }) => {
    const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    aborted.push(gone);
    if (target === '/second') handled.resolve();
    return gone.then(() => ({ status: 200, headers: [], body: 'late' }));
  });
  const client = net.connect(port, '127.0.0.1');
  client.write(`GET /first HTTP/1.1${END}GET /second HTTP/1.1${END}CONNECT a:443 HTTP/1.1${END}`);
  await handled.promise;
  client.destroy();
  await Promise.all(aborted);
  await new Promise((resolve) => setImmediate(resolve));
  t.match(server.stats(), { inFlight: 0, requests: 2, refused: 1 });
});

t.test('nothing that follows a refused request is handled', async (t) => {
  const targets: string[] = [];
  const { port, server } = await serve(t, ({ target }) => {
    targets.push(target);
    return { status: 200, headers: [], body: 'ok' };
  });
  const refused = [
    'GET / HTTP/1.1\r\n\r\n',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    `GET / HTTP/1.1\r\nExpect: a miracle${END}`,
  ];
  for (const bytes of refused) {
    const reply = await exchange(port, `${bytes}POST /next HTTP/1.1${END}GET /ws HTTP/1.1${UPGRADE}`);
    t.equal(statuses(reply).length, 1, bytes);
  }
  t.same(targets, []);
  t.match(server.stats(), { inFlight: 0, refused: refused.length });
});

t.test('a refused upgrade closes its connection, also where the client keeps its side open', async (t) => {
  const { port } = await serve(t, () => ({ status: 404, headers: [], body: 'no' }));
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.resume();
  client.write(`GET / HTTP/1.1${UPGRADE}`);
  await once(client, 'end');
  // The server gives up waiting for our side: what is written then is answered by a reset.
  client.on('error', () => {});
  const beat = setInterval(() => client.write('x'), 50);
  await new Promise((resolve) => client.once('close', resolve));
  clearInterval(beat);
  t.pass('closed');
});
