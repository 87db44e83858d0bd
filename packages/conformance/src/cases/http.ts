// What RFC 9110 and RFC 9112 ask of a server beyond the rules: connections that are kept, pipelines, HTTP/1.0.

import assert from 'node:assert/strict';
import { header } from '@tsgi/core';
import type { Case } from '../case.ts';

export const httpCases: readonly Case[] = [
  {
    title: 'a connection of HTTP/1.1 is kept, and closed where the client asks for it',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      for (let i = 0; i < 3; i++) {
        await connection.request({});
        assert.equal((await connection.reply()).status, 200);
      }
      await connection.request({ headers: ['Connection', 'close'] });
      assert.equal(header((await connection.reply()).headers, 'connection')?.toLowerCase(), 'close');
      assert.equal((await connection.closed()).length, 0);
    },
  },
  {
    title: 'a connection of HTTP/1.0 is closed, and kept where the client asks for it',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const kept = await server.connect();
      for (let i = 0; i < 2; i++) {
        kept.send('GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
        const reply = await kept.reply();
        assert.equal(reply.body.toString(), 'Hello World!\n');
        assert.equal(header(reply.headers, 'connection')?.toLowerCase(), 'keep-alive');
      }
      const closed = await server.connect();
      closed.send('GET /hello HTTP/1.0\r\n\r\n');
      assert.equal((await closed.reply()).body.toString(), 'Hello World!\n');
      assert.equal((await closed.closed()).length, 0);
    },
  },
  {
    title: 'pipelined requests are answered in order',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
      const post =
        'POST /count HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nhello';
      connection.send(get('/gate') + get('/hello') + post + get('/text') + get('/empty') + get('/hello'));
      await stage.witness.saw('waiting');
      stage.witness.open('gate');
      const bodies: string[] = [];
      for (let i = 0; i < 6; i++) bodies.push((await connection.reply()).body.toString());
      assert.deepEqual(bodies, ['open', 'Hello World!\n', '5', 'Grüße, 世界', '', 'Hello World!\n']);
    },
  },
  {
    title: 'requests before a malformed one in a pipeline are answered',
    rules: ['HTTP', 'B1'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('GET /hello HTTP/1.1\r\nHost: a.test\r\n\r\nGET /hello HTTP/1.1\r\nHost : a.test\r\n\r\n');
      assert.equal((await connection.reply()).status, 200);
      assert.equal((await connection.reply()).status, 400);
      assert.equal((await connection.closed()).length, 0);
      assert.equal(stage.requests.length, 1);
    },
  },
  {
    title: 'a malformed request behind one that is being answered does not answer in its place',
    rules: ['HTTP', 'B1'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('GET /gate HTTP/1.1\r\nHost: a.test\r\n\r\nGET /hello HTTP/1.1\r\nHost : a.test\r\n\r\n');
      await stage.witness.saw('waiting');
      while (server.stats().refused === 0) await server.request({});
      stage.witness.open('gate');
      // The first response, and then the refusal; or the end: a refusal is never taken for the first response.
      const first = await connection.reply().catch(() => null);
      if (first !== null) assert.equal(first.status, 200, 'the refusal stands in the place of the first response');
    },
  },
  {
    title: 'a refusal waits for the answers before it, and ends the connection for what follows',
    rules: ['HTTP', 'B1'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
      const refused: Readonly<Record<string, readonly [bytes: string, status: number]>> = {
        'two Hosts': ['GET /hello HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n', 400],
        'no Host': ['GET /hello HTTP/1.1\r\n\r\n', 400],
        'a coding': ['POST /count HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 501],
        'an expectation': ['GET /hello HTTP/1.1\r\nHost: a.test\r\nExpect: miracles\r\n\r\n', 417],
        CONNECT: ['CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n', 501],
        'a bare LF': ['GET /hello HTTP/1.1\nHost: a.test\r\n\r\n', 400],
      };
      const problems: string[] = [];
      for (const [what, [bytes, status]] of Object.entries(refused)) {
        stage.requests.length = 0;
        const connection = await server.connect();
        const before = server.stats().refused;
        connection.send(get('/steps'), bytes, get('/smuggled'));
        try {
          await connection.head();
          assert.equal((await connection.piece())?.toString(), 'one');
          // Held, while the server reads on.
          while (server.stats().refused === before) await server.request({});
          stage.witness.open('step');
          assert.equal((await connection.rest()).toString(), 'two');
          assert.equal((await connection.reply()).status, status);
          assert.equal((await connection.closed()).length, 0);
          assert.ok(!stage.requests.some(({ target }) => target === '/smuggled'), 'what followed was handled');
        } catch (error) {
          problems.push(`${what}: ${(error as Error).message}`);
        }
        stage.witness.shut('step');
        connection.leave();
      }
      assert.deepEqual(problems, []);
    },
  },
  {
    title: 'a head may arrive byte by byte',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      const message =
        'POST /count HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
      for (const byte of Buffer.from(message)) await connection.flush(Buffer.from([byte]));
      assert.equal((await connection.reply()).body.toString(), '3');
    },
  },
  {
    title: 'an empty line before a request is passed over (RFC 9112 section 2.2)',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('\r\nGET /hello HTTP/1.1\r\nHost: a.test\r\n\r\n');
      assert.equal((await connection.reply()).status, 200);
    },
  },
  {
    title: 'a client that closes its side after its request still gets the response',
    rules: ['HTTP'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.socket.end(Buffer.from('GET /hello HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'));
      assert.equal((await connection.reply()).body.toString(), 'Hello World!\n');
    },
  },
  {
    title: 'what is not an HTTP client harms nobody',
    rules: ['HTTP', 'G4'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]),
        Buffer.alloc(100_000),
        Buffer.from('GET'),
      ]) {
        const connection = await server.connect();
        await connection.flush(bytes);
        await connection.left();
      }
      assert.equal((await server.request({})).status, 200);
      assert.equal(stage.requests.length, 1);
    },
  },
  {
    title: 'many requests at once are all answered, each with its own',
    rules: ['HTTP', 'A11'],
    async run(stage) {
      const server = await stage.serve();
      const replies = await Promise.all(
        Array.from({ length: 50 }, (_, i) => {
          const body = `number ${i} `.repeat(1000);
          return server
            .request({ method: 'POST', target: '/echo', body })
            .then((reply) => reply.body.toString() === body);
        }),
      );
      assert.ok(replies.every((same) => same));
    },
  },
];
