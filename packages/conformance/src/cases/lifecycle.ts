// Section A: start, stop and the context.

import assert from 'node:assert/strict';
import type { Case } from '../case.ts';

const failure = new Error('the pool cannot be opened');

export const lifecycleCases: readonly Case[] = [
  {
    title: 'a request is answered',
    rules: [
      'A1',
      'A5',
      'A6',
      'B2',
      'B3',
      'B5',
      'B6',
      'B7',
      'B8',
      'B9',
      'B10',
      'B11',
      'B12',
      'B14',
      'B15',
      'B16',
      'B18',
      'B21',
    ],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/hello' });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), 'Hello World!\n');
      const [request] = stage.requests;
      assert.ok(request);
      // lint compares each with what was read before.
      const look = (): unknown[] => [
        ...[request.method, request.target, request.mountPath, request.httpVersion, request.scheme, request.host],
        ...[request.headers, request.fields, request.body, request.client, request.peer, request.id, request.signal],
        request.upgrade,
      ];
      assert.deepEqual(look(), look());
      assert.equal(request.method, 'GET');
      assert.equal(request.target, '/hello');
    },
  },
  {
    title: 'no request is handled before start has returned',
    rules: ['A2'],
    async run(stage) {
      const steps: string[] = [];
      const server = await stage.serve({
        around: (application) => ({
          async start(context) {
            await application.start?.(context);
            await new Promise((resolve) => setImmediate(resolve));
            steps.push('started');
          },
          handle(request, context) {
            steps.push('handled');
            return application.handle(request, context);
          },
          stop: () => application.stop?.(),
        }),
      });
      await server.request({});
      assert.deepEqual(steps, ['started', 'handled']);
    },
  },
  {
    title: 'an error of start reaches who started the server, and nothing is left open',
    rules: ['A3', 'A4'],
    async run(stage) {
      const before = listeners();
      const calls: string[] = [];
      const serving = stage.serve({
        around: () => ({
          start: () => Promise.reject(failure),
          handle() {
            calls.push('handle');
            throw failure;
          },
          stop: () => void calls.push('stop'),
        }),
      });
      await assert.rejects(serving, (error) => error === failure);
      // A handle that was closed leaves the list a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(listeners() <= before, 'a listener was left open');
      assert.deepEqual(calls, []);
    },
  },
  {
    title: 'requests are handled side by side',
    rules: ['A11', 'B19'],
    async run(stage) {
      const server = await stage.serve();
      const gated = server.request({ target: '/gate' });
      await stage.witness.saw('waiting');
      const reply = await server.request({ target: '/hello' });
      assert.equal(reply.status, 200);
      stage.witness.open('gate');
      assert.equal((await gated).body.toString(), 'open');
      const [first, second] = stage.requests;
      assert.notEqual(first?.id, second?.id);
    },
  },
  {
    title: 'work given to waitUntil outlives its response, and holds back stop',
    rules: ['A7', 'H3'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/later' });
      assert.equal(reply.body.toString(), 'later');
      let stopped = false;
      const ended = (stage.has('drain') ? server.drain() : server.close()).then(() => {
        stopped = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(stage.witness.told('stop'), []);
      assert.equal(stopped, false);
      stage.witness.open('later');
      await ended;
      assert.equal(stage.witness.told('stop').length, 1);
    },
  },
  {
    title: 'work given to waitUntil that fails is logged, once, and the worker goes on',
    rules: ['A7', 'A10'],
    async run(stage) {
      const server = await stage.serve();
      stage.witness.context.waitUntil(Promise.reject(failure));
      const entry = await stage.log.next('error');
      assert.equal(entry.fields.err, failure);
      assert.equal((await server.request({})).status, 200);
      assert.deepEqual(stage.log.take('error'), []);
    },
  },
  {
    title: 'a worker that says it is not ready still answers',
    rules: ['A8', 'A9'],
    async run(stage) {
      const server = await stage.serve();
      stage.witness.context.setReady(false, 'the queue is full');
      assert.equal((await server.request({})).status, 200);
      stage.witness.context.setReady(true);
      assert.equal((await server.request({})).status, 200);
    },
  },
  {
    title: 'readiness follows setReady until the drain begins',
    rules: ['A8', 'A9'],
    needs: ['readiness'],
    async run(stage) {
      const changes: [boolean, string][] = [];
      const server = await stage.serve({ onReady: (ready, reason) => changes.push([ready, reason]) });
      const { context } = stage.witness;
      context.setReady(false, 'warming up');
      context.setReady(true);
      assert.deepEqual(changes, [
        [false, 'warming up'],
        [true, ''],
      ]);
      const drained = server.drain();
      assert.equal(changes.at(-1)?.[0], false);
      context.setReady(true);
      assert.equal(changes.at(-1)?.[0], false);
      assert.equal(changes.length, 3);
      await drained;
    },
  },
];

/** Listeners that keep this process busy, by the platform's names. */
function listeners(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCPServer|Pipe)/.test(name)).length;
}
