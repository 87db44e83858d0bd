// Section E: the body of a response: its length, its pace, its end, its trailers.

import assert from 'node:assert/strict';
import { type Body, header } from '@tsgi/core';
import type { Case } from '../case.ts';
import { CHUNK, CHUNKS } from '../sources.ts';
import { settled } from './quiet.ts';

/** More than what two systems and two programs between them would hold for a client that does not read. */
const BOUND = (48 * 1024 * 1024) / CHUNK.byteLength;

async function* once(...chunks: Uint8Array[]): Body {
  yield* chunks;
}

export const responseBodyCases: readonly Case[] = [
  {
    title: 'a string goes as UTF-8, with its length in bytes',
    rules: ['E1', 'E5', 'E8'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/text' });
      assert.equal(reply.body.toString(), 'Grüße, 世界');
      assert.equal(header(reply.headers, 'content-length'), String(Buffer.byteLength('Grüße, 世界')));
    },
  },
  {
    title: 'bytes and null go with their length, an iterable in chunks',
    rules: ['E1', 'E5', 'E6'],
    needs: ['interface'],
    async run(stage) {
      const bodies: Record<string, string | Uint8Array | Body | null> = {
        '/bytes': Buffer.from([0, 255, 13, 10]),
        '/null': null,
        '/none': '',
        '/iterable': once(Buffer.from('a'), Buffer.alloc(0), Buffer.from('b')),
      };
      const server = await stage.serveApplication({
        handle: (request) => ({ status: 200, headers: [], body: bodies[request.target] ?? null }),
      });
      const bytes = await server.request({ target: '/bytes' });
      assert.deepEqual([...bytes.body], [0, 255, 13, 10]);
      assert.equal(header(bytes.headers, 'content-length'), '4');
      for (const target of ['/null', '/none']) {
        const reply = await server.request({ target });
        assert.equal(header(reply.headers, 'content-length'), '0');
      }
      const iterable = await server.request({ target: '/iterable' });
      assert.equal(iterable.body.toString(), 'ab');
      assert.equal(header(iterable.headers, 'content-length'), undefined);
      if (stage.has('wire')) assert.equal(header(iterable.headers, 'transfer-encoding'), 'chunked');
    },
  },
  {
    title: 'a stream to HTTP/1.0 has no coding, and ends with the connection',
    rules: ['E5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      stage.witness.open('step');
      const connection = await server.connect();
      connection.send('GET /steps HTTP/1.0\r\n\r\n');
      const reply = await connection.reply();
      assert.equal(header(reply.headers, 'transfer-encoding'), undefined);
      assert.equal(header(reply.headers, 'content-length'), undefined);
      assert.equal(reply.body.toString(), 'onetwo');
    },
  },
  {
    title: 'HEAD has the fields of GET and no body',
    rules: ['E2', 'E4', 'E8'],
    async run(stage) {
      const server = await stage.serve();
      const get = await server.request({});
      const head = await server.request({ method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
      const length = header(head.headers, 'content-length');
      // A framework that leaves the body out itself may not know it.
      if (stage.has('interface') || length !== undefined) {
        assert.equal(length, header(get.headers, 'content-length'));
      }
      assert.equal(header(head.headers, 'content-type'), header(get.headers, 'content-type'));
    },
  },
  {
    title: 'HEAD, 204 and 304 send no byte, so that the next response is read right',
    rules: ['E2', 'E4'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      for (const [method, target, status] of [
        ['HEAD', '/hello', 200],
        ['GET', '/empty', 204],
        ['GET', '/unchanged', 304],
        ['HEAD', '/text', 200],
        ['GET', '/hello', 200],
      ] as const) {
        await connection.request({ method, target });
        assert.equal((await connection.reply(method)).status, status, `${method} ${target}`);
      }
    },
  },
  {
    title: 'HEAD of a stream asks it for nothing',
    rules: ['E3', 'E12'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ method: 'HEAD', target: '/stream' });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.length, 0);
      // A framework may do so by itself; Fastify reads such a stream to its end.
      if (stage.has('interface')) assert.equal(await settled(server, () => stage.witness.made), 0);
    },
  },
  {
    title: 'a body beside HEAD, 204 or 304 is not sent, and discarded',
    rules: ['E3', 'E4', 'E12'],
    needs: ['interface'],
    breaks: ['E2'],
    async run(stage) {
      let asked = 0;
      let discarded = 0;
      const body = (): Body => ({
        [Symbol.asyncIterator]: () => ({
          next() {
            asked++;
            return Promise.resolve({ done: false, value: Buffer.from('x') });
          },
          return() {
            discarded++;
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      });
      const server = await stage.serveApplication({
        handle: ({ target }) => ({ status: Number(target.slice(1)), headers: [], body: body() }),
      });
      assert.equal((await server.request({ method: 'HEAD', target: '/200' })).body.length, 0);
      assert.equal((await server.request({ target: '/204' })).body.length, 0);
      assert.equal((await server.request({ target: '/304' })).body.length, 0);
      assert.equal(asked, 0);
      assert.equal(discarded, 3);
    },
  },
  {
    title: 'content-length beside HEAD and 304 is what the application says',
    rules: ['E4', 'E8'],
    needs: ['interface'],
    async run(stage) {
      const server = await stage.serveApplication({
        handle: ({ method }) =>
          method === 'HEAD'
            ? { status: 200, headers: ['Content-Length', '1234'], body: null }
            : { status: 304, headers: ['Content-Length', '1234'], body: null },
      });
      assert.equal(header((await server.request({ method: 'HEAD' })).headers, 'content-length'), '1234');
      assert.equal(header((await server.request({})).headers, 'content-length'), '1234');
    },
  },
  {
    title: 'a chunk is sent before the next one is there',
    rules: ['E6', 'E7', 'E10'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/steps' });
      assert.equal((await connection.head()).status, 200);
      assert.equal((await connection.piece())?.toString(), 'one');
      stage.witness.open('step');
      assert.equal((await connection.rest()).toString(), 'two');
    },
  },
  {
    title: 'a head is sent before the first chunk is there',
    rules: ['E7'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const { witness } = stage;
      const body = async function* (): Body {
        await witness.gate('first');
        yield Buffer.from('first');
      };
      const server = await stage.serveApplication({ handle: () => ({ status: 200, headers: [], body: body() }) });
      const connection = await server.connect();
      await connection.request({});
      assert.equal((await connection.head()).status, 200);
      witness.open('first');
      assert.equal((await connection.rest()).toString(), 'first');
    },
  },
  {
    title: 'a stream arrives whole',
    rules: ['E6', 'E10'],
    async run(stage) {
      const server = await stage.serve();
      stage.witness.open('step');
      const reply = await server.request({ target: '/steps' });
      assert.equal(reply.body.toString(), 'onetwo');
    },
  },
  {
    title: 'too few bytes for content-length cut the connection',
    rules: ['E9', 'G2'],
    breaks: ['E8'],
    async run(stage) {
      const server = await stage.serve();
      await assert.rejects(server.request({ target: '/short' }), 'a reply that misses bytes looks whole');
      const entry = await stage.log.next('error');
      assert.equal((entry.fields.err as { code?: string }).code, 'TSGI_ERR_CONTENT_LENGTH');
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'no more bytes than content-length are sent',
    rules: ['E9'],
    breaks: ['E8'],
    async run(stage) {
      const server = await stage.serve();
      const sent = server.request({ target: '/long' }).then(
        ({ status, body }) => ({ status, body: body.toString() }),
        () => null,
      );
      const reply = await sent;
      // Cut, refused, or, where all five bytes had gone out already, these five.
      if (reply !== null && reply.status !== 500) assert.equal(reply.body, '01234');
      const entry = await stage.log.next('error');
      assert.equal((entry.fields.err as { code?: string }).code, 'TSGI_ERR_CONTENT_LENGTH');
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'a whole body of another length than content-length gets 500',
    rules: ['E9'],
    needs: ['interface'],
    breaks: ['E8'],
    async run(stage) {
      const server = await stage.serveApplication({
        handle: ({ target }) => ({ status: 200, headers: ['Content-Length', target.slice(1)], body: 'hello' }),
      });
      for (const length of [0, 4, 6]) {
        const reply = await server.request({ target: `/${length}` });
        assert.equal(reply.status, 500);
        const [entry, ...more] = stage.log.take('error');
        assert.equal((entry?.fields.err as { code?: string } | undefined)?.code, 'TSGI_ERR_CONTENT_LENGTH');
        assert.deepEqual(more, []);
      }
      assert.equal((await server.request({ target: '/5' })).body.toString(), 'hello');
    },
  },
  {
    title: 'nothing is made for a client that does not read, and all of it arrives when it does',
    rules: ['E10', 'E11'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/stream' });
      assert.equal((await connection.head()).status, 200);
      const made = await settled(server, () => stage.witness.made);
      assert.ok(made < BOUND, `${made} chunks were made for a client that does not read`);
      let bytes = 0;
      for (let piece = await connection.piece(); piece !== null; piece = await connection.piece())
        bytes += piece.length;
      assert.equal(bytes, CHUNKS * CHUNK.byteLength);
    },
  },
  {
    title: 'a body is discarded when its client leaves while it is sent',
    rules: ['E12', 'G5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/stream' });
      await connection.head();
      assert.notEqual(await connection.piece(), null);
      connection.leave();
      await stage.witness.saw('stream closed');
      while (server.stats().inFlight > 0) await server.request({});
      assert.ok(stage.witness.made < CHUNKS);
      assert.equal(server.stats().aborted, 1);
    },
  },
  {
    title: 'a body is discarded when its client leaves while its next chunk is awaited',
    rules: ['E12', 'G5'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const { witness } = stage;
      let waiting = false;
      const body: Body = {
        [Symbol.asyncIterator]: () => ({
          next() {
            if (waiting) return new Promise(() => {});
            waiting = true;
            return Promise.resolve({ done: false, value: Buffer.from('one') });
          },
          return() {
            witness.tell('returned');
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      };
      const server = await stage.serveApplication({
        handle: ({ target }) => ({ status: 200, headers: [], body: target === '/wait' ? body : null }),
      });
      const connection = await server.connect();
      await connection.request({ target: '/wait' });
      await connection.head();
      assert.equal((await connection.piece())?.toString(), 'one');
      connection.leave();
      await witness.saw('returned');
      while (server.stats().inFlight > 0) await server.request({});
      assert.equal(witness.told('returned').length, 1);
    },
  },
  {
    title: 'trailers follow a body in chunks',
    rules: ['D13', 'E13', 'E14', 'E15', 'E16'],
    needs: ['trailers'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/trailers' });
      assert.equal(reply.body.toString(), 'body');
      assert.equal(header(reply.trailers, 'x-checksum'), '1234');
    },
  },
  {
    title: 'trailers are dropped where there is no coding to carry them',
    rules: ['E16'],
    needs: ['trailers', 'wire'],
    async run(stage) {
      const server = await stage.serve();
      const head = await server.request({ method: 'HEAD', target: '/trailers' });
      assert.deepEqual(head.trailers, []);
      const connection = await server.connect();
      connection.send('GET /trailers HTTP/1.0\r\n\r\n');
      const reply = await connection.reply();
      assert.equal(reply.body.toString(), 'body');
    },
  },
  {
    title: 'trailers may be computed from the body, and stand behind a whole one too',
    rules: ['E15', 'E16'],
    needs: ['interface', 'trailers'],
    async run(stage) {
      let bytes = 0;
      const count = async function* (): Body {
        for (const text of ['hel', 'lo']) {
          bytes += text.length;
          yield Buffer.from(text);
        }
      };
      const server = await stage.serveApplication({
        handle: ({ target }) => ({
          status: 200,
          headers: [],
          body: target === '/whole' ? 'whole' : count(),
          get trailers() {
            return ['X-Bytes', String(bytes)];
          },
        }),
      });
      const reply = await server.request({ target: '/counted' });
      assert.equal(reply.body.toString(), 'hello');
      assert.equal(header(reply.trailers, 'x-bytes'), '5');
      assert.equal(header((await server.request({ target: '/whole' })).trailers, 'x-bytes'), '5');
    },
  },
];
