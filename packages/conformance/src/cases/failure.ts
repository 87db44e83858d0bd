// Section G: applications that fail, and clients that leave.

import assert from 'node:assert/strict';
import { type Application, type Body, header, type Outcome } from '@tsgi/core';
import type { Case } from '../case.ts';
import { CHUNK, CHUNKS } from '../sources.ts';
import { turns } from './quiet.ts';

const text: Outcome = { status: 200, headers: [], body: 'ok' };

/** Outcomes that cannot be sent, by what is wrong with them, with the rules that they break. */
const UNSENDABLE: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  'a string': 'hello',
  'an empty object': {},
  'no headers': { status: 200, body: null },
  'headers as an object': { status: 200, headers: { a: '1' }, body: null },
  'a name without a value': { status: 200, headers: ['X-A'], body: null },
  'a status below 200': { status: 101, headers: [], body: null },
  'a status above 599': { status: 600, headers: [], body: null },
  'a status that is no integer': { status: 200.5, headers: [], body: null },
  'a status as a string': { status: '200', headers: [], body: null },
  'a value that is no string': { status: 200, headers: ['X-A', 1], body: null },
  'a value that is undefined': { status: 200, headers: ['X-A', undefined], body: null },
  'a name with a space': { status: 200, headers: ['X A', '1'], body: null },
  'a name with CR LF': { status: 200, headers: ['X-A\r\nX-Injected', '1'], body: null },
  'an empty name': { status: 200, headers: ['', '1'], body: null },
  'a value with CR LF': { status: 200, headers: ['X-A', '1\r\nX-Injected: 1'], body: null },
  'a value with LF': { status: 200, headers: ['X-A', '1\nX-Injected: 1'], body: null },
  'a value with CR': { status: 200, headers: ['X-A', '1\r2'], body: null },
  'a value with NUL': { status: 200, headers: ['X-A', '1\x002'], body: null },
  'a value above U+00FF': { status: 200, headers: ['X-A', 'Grüße, 世界'], body: null },
  'two lengths': { status: 200, headers: ['Content-Length', '5', 'Content-Length', '5'], body: 'hello' },
  'a length that is no number': { status: 200, headers: ['Content-Length', 'five'], body: 'hello' },
  'a body that is undefined': { status: 200, headers: [], body: undefined },
  'a body that is a number': { status: 200, headers: [], body: 5 },
  'a body that is a plain array': { status: 200, headers: [], body: ['hello'] },
};

export const failureCases: readonly Case[] = [
  {
    title: 'a handler that throws gets 500, and the connection goes on or closes',
    rules: ['G4'],
    async run(stage) {
      const server = await stage.serve();
      for (const target of ['/throw', '/reject']) {
        const reply = await server.request({ target });
        assert.equal(reply.status, 500);
        stage.log.take('error');
        assert.equal((await server.request({})).status, 200);
      }
    },
  },
  {
    title: 'what handle throws gets 500 without a detail, and one entry in the log with the id',
    rules: ['G1'],
    needs: ['throwing'],
    async run(stage) {
      const server = await stage.serve();
      for (const target of ['/throw', '/reject']) {
        stage.requests.length = 0;
        const reply = await server.request({ target });
        assert.equal(reply.status, 500);
        assert.doesNotMatch(reply.body.toString(), /secret/);
        assert.doesNotMatch(reply.headers.join(), /secret/);
        const [entry, ...more] = stage.log.take('error');
        assert.equal((entry?.fields.err as Error | undefined)?.message, 'secret');
        assert.ok(Object.values(entry?.fields ?? {}).includes(stage.requests[0]?.id), 'the id is in the entry');
        assert.deepEqual(more, []);
      }
    },
  },
  {
    title: 'whatever is thrown: undefined, a string, an error of another program',
    rules: ['G1'],
    needs: ['interface'],
    async run(stage) {
      const thrown: unknown[] = [
        undefined,
        null,
        'secret',
        42,
        { code: 'TSGI_ERR_MALFORMED', status: 400, statusCode: 400 },
      ];
      const server = await stage.serveApplication({
        handle({ target }) {
          throw thrown[Number(target.slice(1))];
        },
      });
      for (const index of thrown.keys()) {
        const reply = await server.request({ target: `/${index}` });
        assert.equal(reply.status, 500);
        assert.equal(stage.log.take('error').length, 1);
      }
    },
  },
  {
    title: 'a body that fails after the head cuts the connection, and gives one entry in the log with the id',
    rules: ['G2', 'G4'],
    async run(stage) {
      const server = await stage.serve();
      stage.witness.open('break');
      await assert.rejects(server.request({ target: '/break' }), 'a cut reply looks whole');
      const entry = await stage.log.next('error');
      const { id } = stage.requests[0] as { id: string };
      assert.ok(Object.values(entry.fields).includes(id), 'the id is in the entry');
      assert.equal((await server.request({})).status, 200);
      assert.deepEqual(stage.log.take('error'), [], 'one entry');
    },
  },
  {
    title: 'what came before a body failed has arrived, and no end of it',
    rules: ['G2'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/break' });
      await connection.head();
      assert.equal((await connection.piece())?.toString(), 'one');
      stage.witness.open('break');
      await assert.rejects(connection.piece());
      await stage.log.next('error');
    },
  },
  {
    title: 'a body that fails on its way to HTTP/1.0 resets the connection: its close would be the end of the body',
    rules: ['G2'],
    needs: ['wire', 'reset'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('GET /break HTTP/1.0\r\n\r\n');
      await connection.head();
      assert.equal((await connection.piece())?.toString(), 'one');
      stage.witness.open('break');
      await assert.rejects(connection.piece());
      await stage.log.next('error');
    },
  },
  {
    title: 'a chunk that is no bytes cuts the connection',
    rules: ['G2'],
    needs: ['interface'],
    breaks: ['E6'],
    async run(stage) {
      const body = async function* (): AsyncGenerator<unknown> {
        yield Buffer.from('one');
        yield 'two';
      };
      const server = await stage.serveApplication({
        handle: ({ target }) =>
          target === '/break' ? ({ status: 200, headers: [], body: body() as Body } satisfies Outcome) : text,
      });
      await assert.rejects(server.request({ target: '/break' }));
      await stage.log.next('error');
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'an outcome that cannot be sent gets 500, and nothing of it is sent',
    rules: ['G3', 'D9'],
    needs: ['interface'],
    breaks: ['D5', 'D6', 'D7', 'D8', 'D9', 'D12', 'E1'],
    async run(stage) {
      const problems: string[] = [];
      const server = await stage.serveApplication({
        handle: ({ target }) => UNSENDABLE[decodeURIComponent(target.slice(1))] as Outcome,
      });
      for (const what of Object.keys(UNSENDABLE)) {
        try {
          const reply = await server.request({ target: `/${encodeURIComponent(what)}` });
          assert.equal(reply.status, 500);
          assert.equal(header(reply.headers, 'x-injected'), undefined);
          assert.equal(header(reply.headers, 'x-a'), undefined);
          const entries = stage.log.take('error');
          assert.equal(entries.length, 1, `${entries.length} entries in the log`);
          const code = (entries[0]?.fields.err as { code?: string } | undefined)?.code;
          if (!what.includes('length')) assert.equal(code, 'TSGI_ERR_RESPONSE');
        } catch (error) {
          problems.push(`${what}: ${(error as Error).message}`);
        }
        stage.log.take('error');
      }
      assert.deepEqual(problems, []);
    },
  },
  {
    title: 'the body of an outcome that cannot be sent is discarded',
    rules: ['E12', 'G3'],
    needs: ['interface'],
    breaks: ['D6', 'D9'],
    async run(stage) {
      const { witness } = stage;
      const body: Body = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new Error('nobody may ask')),
          return() {
            witness.tell('returned');
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      };
      const server = await stage.serveApplication({
        handle: ({ target }) =>
          target === '/status' ? { status: 99, headers: [], body } : { status: 200, headers: ['X-A', 'a\nb'], body },
      });
      assert.equal((await server.request({ target: '/status' })).status, 500);
      assert.equal((await server.request({ target: '/value' })).status, 500);
      assert.equal(witness.told('returned').length, 2);
      stage.log.take('error');
    },
  },
  {
    title: 'a field that would split the response is not passed on',
    rules: ['D9', 'G3'],
    needs: ['split'],
    breaks: ['D9'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/split' });
      assert.equal(header(reply.headers, 'x-injected'), undefined);
      assert.equal(reply.status, 500);
      stage.log.take('error');
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'a handler that answers twice is heard once, and harms nobody',
    rules: ['G4'],
    needs: ['twice'],
    async run(stage) {
      const server = await stage.serve();
      const twice = await server.request({ target: '/twice' });
      assert.equal(twice.status, 200);
      assert.equal(twice.body.toString(), 'first');
      stage.log.take('error');
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'a handler that throws behind its answer harms nobody',
    rules: ['G4'],
    needs: ['after'],
    async run(stage) {
      const server = await stage.serve();
      const after = await server.request({ target: '/after' });
      assert.equal(after.status, 200);
      assert.equal(after.body.toString(), 'done');
      assert.equal((await server.request({})).status, 200);
      stage.log.take('error');
    },
  },
  {
    title: 'a request that fails harms no other one on its connection or beside it',
    rules: ['G4'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const beside = await server.connect();
      await beside.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      const connection = await server.connect();
      await connection.request({ target: '/reject' });
      const failed = await connection.reply();
      assert.equal(failed.status, 500);
      stage.log.take('error');
      if (header(failed.headers, 'connection')?.toLowerCase() !== 'close') {
        await connection.request({});
        assert.equal((await connection.reply()).status, 200);
      }
      stage.witness.open('gate');
      assert.equal((await beside.reply()).body.toString(), 'open');
    },
  },
  {
    title: 'a handler that never answers is told when its client leaves',
    rules: ['B20', 'G5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      connection.leave();
      await stage.witness.saw('left');
      const [request] = stage.requests;
      assert.equal(request?.signal.aborted, true, 'a signal that is asked for later is aborted already');
      assert.ok(request.signal.reason instanceof Error);
      stage.witness.open('gate');
      while (server.stats().inFlight > 0) await server.request({});
      assert.equal(server.stats().aborted, 1);
    },
  },
  {
    title: 'a client that leaves while it sends is noticed by a handler that does not read',
    rules: ['B20', 'G5'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const { witness } = stage;
      const server = await stage.serveApplication({
        async handle(request) {
          if (request.method === 'GET') return text;
          witness.tell('waiting');
          await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
          witness.tell('left');
          return text;
        },
      });
      const connection = await server.connect();
      connection.send('POST /wait HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhello');
      await witness.saw('waiting');
      connection.leave();
      await witness.saw('left');
      while (server.stats().inFlight > 0) await server.request({});
    },
  },
  {
    title: 'an answer that comes after its client has left is dropped, its body discarded',
    rules: ['E12', 'G6'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/late' });
      await stage.witness.saw('waiting');
      await connection.left();
      while (!stage.requests[0]?.signal.aborted) await server.request({});
      stage.witness.open('late');
      // A generator that was discarded before its first step has nothing to close.
      while (server.stats().inFlight > 0) await server.request({});
      await turns(server);
      assert.ok(stage.witness.made < CHUNKS, 'the whole body was made for nobody');
      assert.equal(stage.witness.made === 0 || stage.witness.told('stream closed').length === 1, true);
    },
  },
  {
    title: 'a signal does not abort when the response has been sent',
    rules: ['B20', 'G7'],
    async run(stage) {
      const server = await stage.serve({
        around: (application): Application => ({
          ...(application.start && { start: (context) => application.start?.(context) }),
          handle(request, context) {
            request.signal.addEventListener('abort', () => stage.witness.tell('aborted'));
            return application.handle(request, context);
          },
          stop: () => application.stop?.(),
        }),
      });
      stage.witness.open('step');
      for (const target of ['/hello', '/steps', '/empty']) await server.request({ target });
      await turns(server);
      assert.deepEqual(stage.witness.told('aborted'), []);
      for (const request of stage.requests) assert.equal(request.signal.aborted, false);
    },
  },
  {
    title: 'nothing of a stream is left when many clients leave it',
    rules: ['E12', 'G5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const clients = 10;
      for (let i = 0; i < clients; i++) {
        const connection = await server.connect();
        await connection.request({ target: '/stream' });
        await connection.head();
        await connection.left();
      }
      while (server.stats().inFlight > 0 || stage.witness.told('stream closed').length < clients)
        await server.request({});
      assert.ok(stage.witness.made < clients * CHUNKS, `${stage.witness.made} chunks of ${CHUNK.byteLength} bytes`);
    },
  },
];
