// Section F: WebSockets by the raw socket, and what else clients ask to change to.

import assert from 'node:assert/strict';
import { type Application, header, TAKEN } from '@tsgi/core';
import type { Case } from '../case.ts';
import type { Connection } from '../client/connection.ts';
import type { Server } from '../stage.ts';
import { acceptKey, clientFrame, handshake, serverFrame } from '../websocket.ts';

/** Opens a WebSocket. `first` goes out with the handshake. */
async function open(server: Server, first: Uint8Array = Buffer.alloc(0)): Promise<Connection> {
  const { key, headers } = handshake();
  const connection = await server.connect();
  await connection.request({ target: '/ws', headers });
  connection.send(first);
  const head = await connection.head();
  assert.equal(head.status, 101);
  assert.equal(header(head.headers, 'sec-websocket-accept'), acceptKey(key));
  return connection;
}

async function expectBytes(connection: Connection, expected: Buffer): Promise<void> {
  let got: Buffer = Buffer.alloc(0);
  while (got.length < expected.length) {
    const bytes = await connection.bytes();
    if (bytes === null) break;
    got = Buffer.concat([got, bytes]);
  }
  assert.ok(got.equals(expected), `${got.toString('hex')} instead of ${expected.toString('hex')}`);
}

async function echo(connection: Connection, text: string): Promise<void> {
  connection.send(clientFrame(1, Buffer.from(text)));
  await expectBytes(connection, serverFrame(1, Buffer.from(text)));
}

export const upgradeCases: readonly Case[] = [
  {
    title: 'a WebSocket is opened, echoes and closes',
    rules: ['F1', 'F3', 'F4', 'F5', 'F6', 'F7'],
    needs: ['upgrade', 'ws'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await open(server);
      await echo(connection, 'hello');
      await echo(connection, 'again');
      assert.equal(server.stats().inFlight, 1);
      connection.send(clientFrame(8, Buffer.from([0x03, 0xe8])));
      await connection.closed();
      await connection.left();
      await stage.witness.saw('socket closed');
      while (server.stats().inFlight > 0) await server.request({});
    },
  },
  {
    title: 'what comes with the handshake is not lost',
    rules: ['F1', 'F7'],
    needs: ['upgrade', 'ws'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await open(server, clientFrame(1, Buffer.from('first')));
      await expectBytes(connection, serverFrame(1, Buffer.from('first')));
      connection.leave();
      await stage.witness.saw('socket closed');
    },
  },
  {
    title: 'the protocol is told in lower case, however the client spelled it',
    rules: ['F1'],
    needs: ['upgrade', 'interface'],
    async run(stage) {
      let protocol: string | undefined;
      const server = await stage.serveApplication({
        handle(request) {
          protocol = request.upgrade?.protocol;
          return { status: 403, headers: [], body: null };
        },
      });
      await server.request({ headers: ['Connection', 'Upgrade', 'Upgrade', 'WebSocket'] });
      assert.equal(protocol, 'websocket');
    },
  },
  {
    title: 'no time limit is put on a taken socket',
    rules: ['F7'],
    needs: ['upgrade', 'ws', 'time limits'],
    async run(stage) {
      const server = await stage.serve({ limits: { headerTime: 200, bodyTime: 200 } });
      const connection = await open(server);
      // The limit has passed when it has been put on somebody else who came later.
      const slow = await server.connect();
      slow.send('GET /hello HTTP/1.1\r\n');
      assert.equal((await slow.reply()).status, 408);
      await echo(connection, 'still here');
      connection.leave();
      await stage.witness.saw('socket closed');
    },
  },
  {
    title: 'h2c and other protocols are ordinary requests',
    rules: ['F2'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      for (const protocol of ['h2c', 'TLS/1.0', 'h2c, websocket2']) {
        const headers = [
          'Connection',
          'Upgrade, HTTP2-Settings',
          'Upgrade',
          protocol,
          'HTTP2-Settings',
          'AAMAAABkAAQCAAAAAAIAAAAA',
        ];
        const reply = await server.request({ headers });
        assert.equal(reply.status, 200);
        assert.equal(reply.body.toString(), 'Hello World!\n');
        assert.equal(stage.requests.at(-1)?.upgrade, null);
      }
    },
  },
  {
    title: 'a request with a body is not offered a change of protocol',
    rules: ['F1'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({
        method: 'POST',
        target: '/count',
        headers: ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Content-Type', 'application/octet-stream'],
        body: 'hello',
      });
      assert.equal(reply.body.toString(), '5');
      assert.equal(stage.requests[0]?.upgrade, null);
    },
  },
  {
    title: 'a response instead of take() refuses the upgrade',
    rules: ['F8'],
    needs: ['upgrade', 'interface'],
    async run(stage) {
      const server = await stage.serve();
      const { headers } = handshake();
      const reply = await server.request({ target: '/hello', headers });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), 'Hello World!\n');
    },
  },
  {
    title: 'an upgrade that the application throws at gets 500',
    rules: ['F8', 'G1'],
    needs: ['upgrade', 'interface'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/throw', headers: handshake().headers });
      assert.equal(reply.status, 500);
      assert.equal(stage.log.take('error').length, 1);
    },
  },
  {
    title: 'where handle throws after take(), the socket is destroyed and the error logged',
    rules: ['F6', 'F7'],
    needs: ['upgrade', 'interface'],
    async run(stage) {
      const application: Application = {
        handle(request) {
          if (request.upgrade === null) return { status: 200, headers: [], body: null };
          request.upgrade.take();
          throw new Error('secret');
        },
      };
      const server = await stage.serveApplication(application);
      const connection = await server.connect();
      await connection.request({ headers: handshake().headers });
      assert.equal((await connection.closed()).length, 0);
      const entry = await stage.log.next('error');
      assert.equal((entry.fields.err as Error).message, 'secret');
      while (server.stats().inFlight > 0) await server.request({});
    },
  },
  {
    title: 'take() works once',
    rules: ['F3'],
    needs: ['upgrade', 'interface'],
    breaks: ['F3'],
    async run(stage) {
      let code: unknown;
      const server = await stage.serveApplication({
        handle(request) {
          const socket = request.upgrade?.take();
          try {
            request.upgrade?.take();
          } catch (error) {
            code = (error as { code?: string }).code;
          }
          socket?.end('bye');
          return TAKEN;
        },
      });
      const connection = await server.connect();
      await connection.request({ headers: handshake().headers });
      assert.equal((await connection.closed()).toString(), 'bye');
      assert.equal(code, 'TSGI_ERR_UPGRADE_TAKEN');
    },
  },
  {
    title: 'take() after a response is refused',
    rules: ['F3'],
    needs: ['upgrade', 'interface'],
    breaks: ['F3'],
    async run(stage) {
      const { witness } = stage;
      const server = await stage.serveApplication({
        handle(request) {
          void witness.gate('late').then(() => {
            try {
              request.upgrade?.take();
              witness.tell('taken', 'without an error');
            } catch (error) {
              witness.tell('taken', (error as { code?: string }).code);
            }
          });
          return { status: 403, headers: [], body: 'no' };
        },
      });
      const reply = await server.request({ headers: handshake().headers });
      assert.equal(reply.status, 403);
      witness.open('late');
      assert.equal(await witness.saw('taken'), 'TSGI_ERR_UPGRADE_TAKEN');
    },
  },
];
