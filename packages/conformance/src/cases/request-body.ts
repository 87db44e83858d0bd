// Section C: the body of a request, its bounds, its trailers, and what becomes of it when nobody reads.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Body, header } from '@tsgi/core';
import type { Case } from '../case.ts';
import { CutError } from '../client/message.ts';
import { settled } from './quiet.ts';

const PIECE = Buffer.alloc(65_536, 'x');
/** More than what two systems and one program between them would take in on a connection that nobody reads. */
const UPLOAD = 1024 * PIECE.length;
const BOUND = 48 * 1024 * 1024;

export const requestBodyCases: readonly Case[] = [
  {
    title: 'a body of known length comes back',
    rules: ['C1', 'C2', 'C3', 'C4', 'C5', 'C6'],
    async run(stage) {
      const server = await stage.serve();
      const body = randomBytes(300_000);
      const reply = await server.request({ method: 'POST', target: '/echo', body });
      assert.equal(reply.status, 200);
      assert.ok(reply.body.equals(body));
    },
  },
  {
    title: 'a body in chunks comes back',
    rules: ['C1', 'C2', 'C3', 'C4', 'C5'],
    async run(stage) {
      const server = await stage.serve();
      const body = Array.from({ length: 50 }, (_, i) => randomBytes(1 + i * 500));
      const reply = await server.request({ method: 'POST', target: '/echo', body });
      assert.ok(reply.body.equals(Buffer.concat(body)));
    },
  },
  {
    title: 'a body is null when no byte will come',
    rules: ['B12', 'C1', 'C11'],
    async run(stage) {
      const server = await stage.serve();
      for (const [method, headers] of [
        ['GET', []],
        ['POST', ['Content-Length', '0']],
        ['POST', []],
        ['DELETE', []],
      ] as const) {
        await server.request({ method, target: '/count', headers });
        const request = stage.requests.at(-1);
        assert.equal(request?.body, null, `${method} ${headers.join(': ')}`);
        assert.deepEqual(request.trailers, []);
      }
    },
  },
  {
    title: 'an empty body in chunks is a body that ends',
    rules: ['C1', 'C2'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ method: 'POST', target: '/count', body: [] });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), '0');
    },
  },
  {
    title: 'a body of GET is read like any other',
    rules: ['C1'],
    needs: ['interface'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ method: 'GET', target: '/count', body: 'hello' });
      assert.equal(reply.body.toString(), '5');
    },
  },
  {
    title: 'chunk extensions are passed over',
    rules: ['C2'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      const head = 'POST /echo HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: CHUNKED\r\n\r\n';
      connection.send(head, '5;name=value;other="quoted"\r\nhello\r\n0006;x\r\n world\r\n000\r\n\r\n');
      assert.equal((await connection.reply()).body.toString(), 'hello world');
    },
  },
  {
    title: 'a second reader is refused',
    rules: ['C3'],
    needs: ['interface'],
    breaks: ['C3'],
    async run(stage) {
      let code: unknown;
      const server = await stage.serveApplication({
        async handle(request) {
          const body = request.body as Body;
          for await (const _ of body);
          try {
            for await (const _ of body);
          } catch (error) {
            code = (error as { code?: string }).code;
          }
          return { status: 200, headers: [], body: null };
        },
      });
      assert.equal((await server.request({ method: 'POST', body: 'hello' })).status, 200);
      assert.equal(code, 'TSGI_ERR_BODY_READ_TWICE');
    },
  },
  {
    title: 'a body whose client leaves is cut for the application',
    rules: ['C6', 'G5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      for (const [framing, start] of [
        ['Content-Length: 100', 'hello'],
        ['Transfer-Encoding: chunked', '5\r\nhello\r\n'],
      ]) {
        const cuts = stage.witness.told('cut').length;
        const connection = await server.connect();
        connection.send(`POST /count HTTP/1.1\r\nHost: a.test\r\n${framing}\r\n\r\n${start}`);
        while (!stage.requests.some(({ method }) => method === 'POST')) await server.request({});
        connection.leave();
        while (server.stats().inFlight > 0 || stage.witness.told('cut').length === cuts) await server.request({});
        stage.requests.length = 0;
      }
      if (stage.has('interface')) {
        const codes = stage.witness.told('cut').map((error) => (error as { code?: string }).code);
        assert.deepEqual(codes, ['TSGI_ERR_CLIENT_GONE', 'TSGI_ERR_CLIENT_GONE']);
      }
    },
  },
  {
    title: 'a client that closes its side within a body is not taken for whole',
    rules: ['C6'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('POST /count HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhello');
      connection.socket.end();
      await stage.witness.saw('cut');
      await connection.closed();
    },
  },
  {
    title: 'the sender is held back while nobody reads',
    rules: ['C7'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send(
        `POST /count HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${UPLOAD}\r\nContent-Type: application/octet-stream\r\nX-Wait: 1\r\n\r\n`,
      );
      let sent = 0;
      const upload = (async () => {
        while (sent < UPLOAD && (await connection.flush(PIECE))) sent += PIECE.length;
      })();
      const stopped = await settled(server, () => sent);
      assert.ok(stopped < BOUND, `the server took ${stopped} bytes that nobody asked for`);
      stage.witness.open('read');
      const [reply] = await Promise.all([connection.reply(), upload]);
      assert.equal(reply.body.toString(), String(UPLOAD));
    },
  },
  {
    title: 'a chunk stays as it was when later ones come',
    rules: ['C8'],
    needs: ['interface'],
    async run(stage) {
      const chunks: Uint8Array[] = [];
      const server = await stage.serveApplication({
        async handle(request) {
          for await (const chunk of request.body as Body) chunks.push(chunk);
          return { status: 200, headers: [], body: null };
        },
      });
      const body = Array.from({ length: 100 }, () => randomBytes(20_000));
      await server.request({ method: 'POST', body });
      assert.ok(Buffer.concat(chunks).equals(Buffer.concat(body)));
    },
  },
  {
    title: '100 Continue is sent when the body is first read',
    rules: ['C9', 'C2'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send(
        'POST /count HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n' +
          'Content-Type: application/octet-stream\r\nX-Wait: 1\r\n\r\n',
      );
      while (!stage.requests.some(({ method }) => method === 'POST')) await server.request({});
      await settled(server, () => connection.socket.readableLength);
      assert.equal(connection.socket.readableLength, 0, 'nothing was sent before somebody reads');
      stage.witness.open('read');
      assert.equal((await connection.head()).status, 100);
      connection.send('hello');
      const reply = await connection.reply();
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), '5');
    },
  },
  {
    title: '100 Continue is not sent where nobody reads the body',
    rules: ['C9', 'C10'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send(
        'POST /ignore HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 30\r\n' +
          'Content-Type: application/octet-stream\r\n\r\n',
      );
      const head = await connection.head();
      assert.equal(head.status, 202);
      assert.equal((await connection.rest()).toString(), 'ignored');
      // The client sends the body now, or another request. The server cannot know which, unless it closes.
      if (header(head.headers, 'connection')?.toLowerCase() === 'close') await connection.closed();
      else {
        connection.send('x'.repeat(30));
        await connection.request({});
        assert.equal((await connection.reply()).status, 200);
      }
    },
  },
  {
    title: 'what was not read of a body is no request',
    rules: ['C10'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';
      for (const body of [smuggled, smuggled.repeat(5000)]) {
        const connection = await server.connect();
        const headers = ['Content-Type', 'application/octet-stream'];
        void connection.request({ method: 'POST', target: '/ignore', headers, body });
        assert.equal((await connection.reply()).status, 202);
        await connection.request({});
        try {
          assert.equal((await connection.reply()).status, 200);
        } catch (error) {
          // Closing the connection is as good.
          if (!(error instanceof CutError)) throw error;
        }
        await connection.left();
        const targets = new Set(stage.requests.map(({ target }) => target));
        assert.ok(!targets.has('/smuggled'), 'the body was taken for requests');
      }
    },
  },
  {
    title: 'what is not read of a body is not taken without end',
    rules: ['C10'],
    needs: ['wire', 'body limit'],
    async run(stage) {
      const server = await stage.serve({ limits: { bodyBytes: 1_000_000 } });
      const connection = await server.connect();
      connection.send(
        'POST /ignore HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      assert.equal((await connection.reply()).status, 202);
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), PIECE, Buffer.from('\r\n')]);
      let sent = 0;
      while (sent < UPLOAD && (await connection.flush(chunk))) sent += PIECE.length;
      assert.ok(sent < UPLOAD, 'the whole of it was taken');
    },
  },
  {
    title: 'trailers of a request are there when its body has ended',
    rules: ['C11', 'C12'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const trailers = ['X-Checksum', 'abc', 'x-signed', 'yes', 'X-Checksum', 'def'];
      const reply = await server.request({
        method: 'POST',
        target: '/count',
        headers: ['Trailer', 'X-Checksum'],
        body: [Buffer.from('hello')],
        trailers,
      });
      assert.equal(reply.body.toString(), '5');
      assert.deepEqual(
        stage.requests[0]?.trailers,
        trailers.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text)),
      );
    },
  },
  {
    title: 'trailers are empty until the body has ended',
    rules: ['C11'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const seen: unknown[] = [];
      const server = await stage.serveApplication({
        async handle(request) {
          seen.push(request.trailers);
          for await (const _ of request.body ?? []) seen.push(request.trailers);
          seen.push(request.trailers);
          return { status: 200, headers: [], body: null };
        },
      });
      await server.request({ method: 'POST', body: [Buffer.from('hello')], trailers: ['X-End', '1'] });
      assert.deepEqual(seen, [[], [], ['x-end', '1']]);
    },
  },
  {
    title: 'a reader that is still there after the response gets an error or the end',
    rules: ['C10'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const ended = Promise.withResolvers<unknown>();
      const server = await stage.serveApplication({
        handle(request) {
          const iterator = (request.body as Body)[Symbol.asyncIterator]();
          const read = async (): Promise<void> => {
            for (let step = await iterator.next(); step.done !== true; step = await iterator.next());
            throw new Error('the body looks whole');
          };
          read().catch(ended.resolve);
          return { status: 200, headers: [], body: 'early' };
        },
      });
      const connection = await server.connect();
      connection.send('POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhello');
      assert.equal((await connection.reply()).body.toString(), 'early');
      connection.leave();
      assert.match(String((await ended.promise) as Error), /TsgiError/);
    },
  },
];
