// Every difference from a framework's own server, shown. What is listed here, what the tests of parity may name and what
// docs/differences.md tells are one list.

import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import type { Listener } from '@tsgi/bridge-node';
import fastify from 'fastify';
import t, { type Test } from 'tap';
import { DIFFERENCES, type DifferenceName } from './differences.ts';
import type { Sent } from './exchange.ts';
import { bothFastify } from './fastify.ts';
import { bothListener } from './listener.ts';

/** Sends `sent` to a listener served both ways: the difference shows, and nothing else does. */
async function show(
  t: Test,
  name: DifferenceName,
  listener: Listener,
  requests: readonly (Sent | string)[],
  errors: readonly string[] = [],
): Promise<void> {
  const { same } = await bothListener(t, () => listener);
  for (const sent of requests) await same(t, sent, { differs: [name], errors });
}

const get = { path: '/' };
const CUT = 'the response was cut: its body failed after the head was sent';

// What is shown by the tests of a framework is named there.
const SHOWN: Readonly<Record<DifferenceName, (t: Test, name: DifferenceName) => Promise<void> | 'elsewhere'>> = {
  'Place of Content-Length': (t, name) => show(t, name, (_req, res) => res.end('text'), [get]),
  'Spelling of Content-Length': () => 'elsewhere',
  'Length of what is whole': (t, name) =>
    show(
      t,
      name,
      (req, res) => {
        if (req.url === '/head') res.writeHead(200);
        else {
          res.removeHeader('Content-Length');
          res.removeHeader('Transfer-Encoding');
        }
        res.end('text');
      },
      [{ path: '/head' }, { path: '/removed' }],
    ),
  'Length of a Blob': () => 'elsewhere',
  'Length of a 204': (t, name) =>
    show(t, name, (_req, res) => res.writeHead(204, { 'Content-Length': 0 }).end(), [get]),
  'Fields of the connection': (t, name) =>
    show(
      t,
      name,
      (req, res) => {
        if (req.url === '/close') res.setHeader('Connection', 'close');
        if (req.url === '/alive') res.setHeader('Keep-Alive', 'timeout=1');
        if (req.url === '/chunked') res.setHeader('Transfer-Encoding', 'chunked');
        if (req.url === '/should') res.shouldKeepAlive = false;
        if (req.url === '/chunked') res.write('text');
        res.end('text');
      },
      [{ path: '/close' }, { path: '/alive' }, { path: '/chunked' }, { path: '/should' }],
    ),
  Date: (t, name) =>
    show(
      t,
      name,
      (_req, res) => {
        res.sendDate = false;
        res.end('text');
      },
      [get],
    ),
  'Reason phrase': (t, name) =>
    show(
      t,
      name,
      (req, res) => {
        if (req.url === '/head') res.writeHead(200, 'Quite Fine', { 'Content-Length': 4 });
        else res.statusMessage = 'Quite Fine';
        res.end('text');
      },
      [{ path: '/head' }, { path: '/message' }],
    ),
  'Replies that HTTP does not allow': async (t, name) => {
    const listener: Listener = (req, res) => {
      if (req.url === '/status') res.writeHead(999).end('text');
      else {
        res.writeHead(200, { 'Content-Length': 2 });
        res.write('te');
        res.end('xt');
      }
    };
    await show(t, name, listener, [{ path: '/status' }], ['the application failed to answer']);
    await show(t, name, listener, [{ path: '/long' }], [CUT]);
  },
  '100 Continue': (t, name) =>
    show(t, name, (_req, res) => res.end('not read'), [
      { method: 'POST', path: '/', headers: { Expect: '100-continue' }, body: 'body' },
    ]),
  Refusals: (t, name) =>
    show(
      t,
      name,
      (req, res) => {
        req.resume();
        req.on('end', () => res.end('accepted'));
      },
      [
        'GET / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
        'GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nBroken : b\r\n\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
        'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n',
        `GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
        `GET / HTTP/1.1\r\nHost: a\r\n${'X-Many: 1\r\n'.repeat(200)}\r\n`,
      ],
    ),
  'Upgrades to other protocols': async (t, name) => {
    const { same } = await bothFastify(t, async () => {
      const app = fastify();
      await app.register(websocket);
      app.get('/', async () => 'over HTTP/1.1');
      return app;
    });
    await same(t, { path: '/', headers: { Connection: 'Upgrade', Upgrade: 'h2c' } }, { differs: [name] });
  },
  'Target in absolute form': (t, name) =>
    show(t, name, (req, res) => res.end(req.url), ['GET http://a.example/b?c HTTP/1.1\r\nHost: a.example\r\n\r\n']),
  'Spelling of rawHeaders': (t, name) => show(t, name, (req, res) => res.end(String(req.rawHeaders)), [get]),
  'The socket': (t, name) =>
    show(
      t,
      name,
      (req, res) => {
        const { socket } = req;
        res.end(JSON.stringify([socket instanceof Socket, typeof socket.localPort, typeof socket.bytesRead]));
      },
      [get],
    ),
};

for (const { name } of DIFFERENCES) {
  t.test(`differs: ${name}`, async (t) => {
    if ((await SHOWN[name](t, name)) === 'elsewhere') t.pass('shown by the tests of a framework');
  });
}

t.test('docs/differences.md names each, in this order', async (t) => {
  const page = readFileSync(new URL('../../../../docs/differences.md', import.meta.url), 'utf8');
  const rows = Array.from(page.matchAll(/^\| \*\*(.+?)\*\* \|/gm), ([, name]) => name);
  t.strictSame(
    rows,
    DIFFERENCES.map(({ name }) => name),
  );
});
