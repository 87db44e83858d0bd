// Section H: drains that lose nothing, and the end of a worker.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { header } from '@tsgi/core';
import type { Case } from '../case.ts';
import { clientFrame, handshake } from '../websocket.ts';

export const drainCases: readonly Case[] = [
  {
    title: 'stop is called once, after the last response',
    rules: ['H4', 'H5', 'H6', 'H7'],
    async run(stage) {
      const server = await stage.serve();
      await server.request({});
      assert.deepEqual(stage.witness.told('stop'), []);
      await server.close();
      await server.close();
      assert.equal(stage.witness.told('stop').length, 1);
      assert.equal(stage.witness.context.draining.aborted, true);
    },
  },
  {
    title: 'a worker that served nobody is started and stopped',
    rules: ['A2', 'H4'],
    async run(stage) {
      const server = await stage.serve();
      await server.close();
      assert.equal(stage.witness.told('stop').length, 1);
    },
  },
  {
    title: 'endless streams end when the drain begins',
    rules: ['H1', 'H3'],
    needs: ['wire', 'drain'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/events' });
      await connection.head();
      assert.equal((await connection.piece())?.toString(), 'data: hello\n\n');
      const drained = server.drain();
      assert.equal((await connection.rest()).toString(), 'data: bye\n\n');
      connection.leave();
      await drained;
    },
  },
  {
    title: 'endless streams end when the server closes',
    rules: ['H1'],
    async run(stage) {
      if (stage.has('wire')) return;
      const server = await stage.serve();
      const events = server.request({ target: '/events' });
      while (stage.requests.length === 0) await server.request({});
      const closed = server.close();
      assert.match((await events).body.toString(), /data: bye\n\n$/);
      await closed;
    },
  },
  {
    title: 'a drain turns readiness off, then aborts draining, then waits, then closes the listener',
    rules: ['H1'],
    needs: ['wire', 'drain', 'readiness'],
    async run(stage) {
      const steps: string[] = [];
      const server = await stage.serve({ onReady: (ready) => steps.push(ready ? 'ready' : 'not ready') });
      const { draining } = stage.witness.context;
      draining.addEventListener('abort', () => steps.push('draining'));
      const aborted = once(draining, 'abort');
      const drained = server.drain({ delay: 500 });
      await aborted;
      assert.deepEqual(steps, ['not ready', 'draining']);
      // The listener is still there for the load balancer that has not noticed.
      assert.equal((await server.request({})).status, 200);
      await drained;
      await assert.rejects(server.request({}), 'the listener is closed');
    },
  },
  {
    title: 'a request on an open connection is answered during a drain, with Connection: close',
    rules: ['H2'],
    needs: ['wire', 'drain'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({});
      assert.notEqual(header((await connection.reply()).headers, 'connection')?.toLowerCase(), 'close');
      // Holds the drain open.
      const gated = await server.connect();
      await gated.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      const drained = server.drain();
      await connection.request({});
      const reply = await connection.reply();
      assert.equal(reply.status, 200);
      assert.equal(header(reply.headers, 'connection')?.toLowerCase(), 'close');
      assert.equal((await connection.closed()).length, 0);
      stage.witness.open('gate');
      const last = await gated.reply();
      assert.equal(last.body.toString(), 'open');
      await drained;
    },
  },
  {
    title: 'connections that nobody uses are closed by a drain',
    rules: ['H2'],
    needs: ['wire', 'drain'],
    async run(stage) {
      const server = await stage.serve();
      const used = await server.connect();
      await used.request({});
      await used.reply();
      const unused = await server.connect();
      while (server.stats().connections < 2) await new Promise((resolve) => setImmediate(resolve));
      const drained = server.drain();
      await Promise.all([used.closed(), unused.closed()]);
      await drained;
    },
  },
  {
    title: 'a drain loses no request of clients that go on asking',
    rules: ['H2', 'H3'],
    needs: ['wire', 'drain'],
    async run(stage) {
      const server = await stage.serve();
      let answered = 0;
      let draining = false;
      const client = async (): Promise<void> => {
        let connection = await server.connect();
        for (;;) {
          await connection.request({});
          const reply = await connection.reply();
          assert.equal(reply.status, 200);
          answered++;
          if (header(reply.headers, 'connection')?.toLowerCase() !== 'close') continue;
          connection.leave();
          // The next one goes to a sibling.
          if (draining) return;
          connection = await server.connect();
        }
      };
      const clients = Promise.all(Array.from({ length: 10 }, client));
      while (answered < 100) await new Promise((resolve) => setImmediate(resolve));
      draining = true;
      const drained = server.drain();
      await clients;
      await drained;
    },
  },
  {
    title: 'a drain waits for taken sockets',
    rules: ['H3'],
    needs: ['drain', 'upgrade', 'ws'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/ws', headers: handshake().headers });
      assert.equal((await connection.head()).status, 101);
      let over = false;
      const drained = server.drain().then(() => {
        over = true;
      });
      connection.send(clientFrame(1, Buffer.from('hello')));
      // A framework may say goodbye by itself, with a close frame; ours does not.
      await connection.bytes();
      assert.equal(over, false);
      connection.send(clientFrame(8, Buffer.from([0x03, 0xe8])));
      await connection.closed();
      await connection.left();
      await drained;
    },
  },
  {
    title: 'what is in flight at the time limit of a drain is cut, as if its client had left',
    rules: ['G5', 'H3'],
    needs: ['wire', 'drain'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      const drained = server.drain({ graceful: 100 });
      await connection.closed();
      await stage.witness.saw('left');
      stage.witness.open('gate');
      await drained;
      assert.equal(stage.requests[0]?.signal.aborted, true);
      assert.equal(stage.witness.told('stop').length, 1);
    },
  },
  {
    title: 'work that is added to waitUntil during a drain is waited for too',
    rules: ['H3'],
    async run(stage) {
      const server = await stage.serve();
      const { witness } = stage;
      witness.context.waitUntil(
        witness.gate('first').then(() => {
          witness.context.waitUntil(witness.gate('second').then(() => witness.tell('second done')));
        }),
      );
      const ended = stage.has('drain') ? server.drain() : server.close();
      witness.open('first');
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(witness.told('stop'), []);
      witness.open('second');
      await ended;
      assert.equal(witness.told('second done').length, 1);
      assert.equal(witness.told('stop').length, 1);
    },
  },
  {
    title: 'close cuts what is in flight, and then stops',
    rules: ['G5', 'H4', 'H5'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      const closed = server.close();
      await stage.witness.saw('left');
      stage.witness.open('gate');
      await closed;
      assert.equal(stage.witness.told('stop').length, 1);
    },
  },
  {
    title: 'an error of stop is logged, and the worker ends all the same',
    rules: ['H8'],
    async run(stage) {
      const failure = new Error('the pool cannot be closed');
      const server = await stage.serve({
        around: (application) => ({
          start: (context) => application.start?.(context),
          handle: (request, context) => application.handle(request, context),
          async stop() {
            await application.stop?.();
            throw failure;
          },
        }),
      });
      await server.request({});
      await server.close();
      const entry = await stage.log.next('error');
      assert.equal(entry.fields.err, failure);
    },
  },
];
