import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { parseProxyHeader } from '../src/proxy-protocol.ts';
import { exchange, statusOf } from './fixtures/raw.ts';
import { serve } from './fixtures/serve.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function binary(command: number, family: number, block: Buffer): Buffer {
  const head = Buffer.from([0x20 | command, (family << 4) | 1, block.length >> 8, block.length & 255]);
  return Buffer.concat([signature, head, block]);
}

const ipv4 = Buffer.from([192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0, 80]);

t.test('both versions name the source', async (t) => {
  const text = Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\nGET');
  t.strictSame(parseProxyHeader(text), {
    state: 'complete',
    length: text.length - 3,
    source: { kind: 'ip', address: '192.0.2.1', port: 4711 },
  });
  t.match(parseProxyHeader(Buffer.from('PROXY TCP6 2001:db8::1 ::1 4711 80\r\n')), {
    source: { address: '2001:db8::1' },
  });
  t.strictSame(parseProxyHeader(binary(1, 1, Buffer.concat([ipv4, Buffer.from('extension')]))), {
    state: 'complete',
    length: 16 + ipv4.length + 9,
    source: { kind: 'ip', address: '192.0.2.1', port: 4711 },
  });
  const ipv6 = Buffer.alloc(36);
  ipv6.set([0x20, 0x01, 0x0d, 0xb8], 0);
  ipv6[15] = 1;
  ipv6.writeUInt16BE(4711, 32);
  t.match(parseProxyHeader(binary(1, 2, ipv6)), { source: { address: '2001:db8::1', port: 4711 } });
});

t.test('a proxy that speaks for itself names nobody', async (t) => {
  t.match(parseProxyHeader(Buffer.from('PROXY UNKNOWN\r\n')), { state: 'complete', source: null });
  t.match(parseProxyHeader(binary(0, 0, Buffer.alloc(0))), { state: 'complete', source: null });
  t.match(parseProxyHeader(binary(1, 3, Buffer.alloc(216))), { state: 'complete', source: null });
});

t.test('every beginning of a header is incomplete, and needs no more than the header', async (t) => {
  for (const whole of [Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n'), binary(1, 1, ipv4)]) {
    for (let i = 0; i < whole.length; i++) t.equal(parseProxyHeader(whole.subarray(0, i)).state, 'incomplete');
    t.equal(parseProxyHeader(whole).state, 'complete');
  }
});

t.test('anything else is invalid, and says why', async (t) => {
  const wrong = [
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n'),
    Buffer.from('PROXY TCP4 2001:db8::1 ::1 1 2\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 99999 80\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n'),
    Buffer.from('PROXY TCP9 192.0.2.1 10.0.0.1 1 2\r\n'),
    Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`),
    binary(5, 1, ipv4),
    binary(1, 1, Buffer.alloc(4)),
    binary(1, 1, Buffer.alloc(5000)),
  ];
  for (const bytes of wrong) t.match(parseProxyHeader(bytes), { state: 'invalid', problem: /PROXY/ });
});

t.test('a trusted proxy speaks for its client, also when the header comes in pieces', async (t) => {
  const { port } = await serve(
    t,
    ({ client, peer }) => ({ status: 200, headers: [], body: JSON.stringify({ client, peer }) }),
    {
      proxyProtocol: true,
    },
  );
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const line = 'PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n';
  for (const bytes of [
    [line + request],
    [line.slice(0, 9), line.slice(9), request],
    [Buffer.concat([binary(1, 1, ipv4), Buffer.from(request)])],
  ]) {
    const reply = await exchange(port, ...bytes);
    t.match(reply, /"client":\{"kind":"ip","address":"192.0.2.1","port":4711\}/);
    t.match(reply, /"peer":\{"kind":"ip","address":"127.0.0.1"/);
  }
});

t.test('a trusted proxy that sends no header is refused, an untrusted peer must not send one', async (t) => {
  const handle = () => ({ status: 200, headers: [], body: 'ok' });
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const trusting = await serve(t, handle, { proxyProtocol: true });
  t.equal(statusOf(await exchange(trusting.port, request)), 400);
  t.match(trusting.lines[0]?.message, /PROXY protocol/);
  const wary = await serve(t, handle, { proxyProtocol: true, trust: [] });
  t.equal(statusOf(await exchange(wary.port, request)), 200);
  t.equal(statusOf(await exchange(wary.port, `PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n${request}`)), 400);
});

t.test('a header that never comes is given up', async (t) => {
  const { port } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }), {
    proxyProtocol: true,
    limits: { headerTime: 50 },
  });
  t.equal(statusOf(await exchange(port, 'PROXY TC')), 408);
});

t.test('a load balancer that knocks and leaves is answered nothing and not logged', async (t) => {
  const { port, lines, server } = await serve(t, () => ({ status: 200, headers: [], body: 'ok' }), {
    proxyProtocol: true,
  });
  const socket = net.connect(port, '127.0.0.1');
  let reply = '';
  socket.on('data', (chunk) => {
    reply += chunk;
  });
  socket.end();
  await once(socket, 'close');
  t.equal(reply, '');
  t.same(lines, []);
  t.equal(server.stats().refused, 0);
});
