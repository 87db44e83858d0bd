// Section D: the head of a response, and the informational ones before it.

import assert from 'node:assert/strict';
import { type GatewayResponse, header, headerValues } from '@tsgi/core';
import type { Case } from '../case.ts';
import { turns } from './quiet.ts';

export const responseCases: readonly Case[] = [
  {
    title: 'status, fields and date of a response',
    rules: ['D5', 'D6', 'D7', 'D8', 'D9', 'D12', 'D15'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({});
      assert.equal(reply.status, 200);
      assert.match(header(reply.headers, 'content-type') ?? '', /^text\/plain/);
      const dates = headerValues(reply.headers, 'date');
      assert.equal(dates.length, 1);
      assert.equal(new Date(dates[0] as string).toUTCString(), dates[0]);
    },
  },
  {
    title: 'a date that the application sets is the only one',
    rules: ['D15'],
    needs: ['interface'],
    async run(stage) {
      const date = 'Tue, 15 Nov 1994 08:12:31 GMT';
      const server = await stage.serveApplication({
        handle: () => ({ status: 200, headers: ['dAtE', date], body: null }),
      });
      const reply = await server.request({});
      assert.deepEqual(headerValues(reply.headers, 'date'), [date]);
    },
  },
  {
    title: 'fields keep their values, and set-cookie its lines',
    rules: ['D14'],
    async run(stage) {
      const server = await stage.serve();
      const { headers } = await server.request({ target: '/fields' });
      assert.deepEqual(headerValues(headers, 'set-cookie'), ['a=1', 'b=2']);
      assert.deepEqual(headerValues(headers, 'x-first'), ['1']);
      assert.deepEqual(headerValues(headers, 'x-second'), ['2']);
      assert.deepEqual(headerValues(headers, 'x-third'), ['3']);
    },
  },
  {
    title: 'fields keep their order and spelling',
    rules: ['D14'],
    needs: ['spelling'],
    async run(stage) {
      const server = await stage.serve();
      const { headers } = await server.request({ target: '/fields' });
      const names = headers.filter((name, i) => i % 2 === 0 && /^(x-|set-)/i.test(name));
      assert.deepEqual(names, ['X-First', 'Set-Cookie', 'Set-Cookie', 'x-second', 'X-tHiRd']);
    },
  },
  {
    title: 'duplicates of any field are kept apart, and every character that may stand in a value',
    rules: ['D9', 'D14'],
    needs: ['interface', 'field lines'],
    async run(stage) {
      const sent = ['X-A', '1', 'X-B', '\xe9 \xff\t!', 'x-a', '2', 'X-A', '3', 'X-Empty', ''];
      const server = await stage.serveApplication({ handle: () => ({ status: 200, headers: sent, body: null }) });
      const { headers } = await server.request({});
      const got = headers.filter((_, i) => /^x-/i.test(headers[i - (i % 2)] as string));
      assert.deepEqual(got, sent);
    },
  },
  {
    title: 'fields of the connection are the server’s, whoever sets them',
    rules: ['D10', 'D11'],
    needs: ['hop'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/hop' });
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), 'hop');
      assert.doesNotMatch(headerValues(reply.headers, 'connection').join(), /x-secret/);
      assert.doesNotMatch(headerValues(reply.headers, 'keep-alive').join(), /1234/);
      assert.deepEqual(headerValues(reply.headers, 'proxy-connection'), []);
    },
  },
  {
    title: 'fields of the connection that an application sets all the same are dropped',
    rules: ['D11'],
    needs: ['interface'],
    breaks: ['D10'],
    async run(stage) {
      const server = await stage.serveApplication({
        handle: () => ({
          status: 200,
          headers: [
            ...['Connection', 'x-secret', 'Keep-Alive', 'timeout=1234', 'Proxy-Connection', 'keep-alive'],
            ...['TE', 'trailers', 'Transfer-Encoding', 'gzip, chunked', 'Upgrade', 'h2c', 'X-Kept', '1'],
          ],
          body: 'whole',
        }),
      });
      const reply = await server.request({});
      assert.equal(reply.status, 200);
      assert.equal(reply.body.toString(), 'whole');
      assert.equal(header(reply.headers, 'x-kept'), '1');
      assert.doesNotMatch(headerValues(reply.headers, 'connection').join(), /x-secret/);
      assert.doesNotMatch(headerValues(reply.headers, 'keep-alive').join(), /1234/);
      for (const name of ['proxy-connection', 'te', 'transfer-encoding', 'upgrade']) {
        assert.equal(header(reply.headers, name), undefined, name);
      }
    },
  },
  {
    title: 'an early hint arrives before the response',
    rules: ['D1', 'D2', 'D3', 'D4'],
    needs: ['hints', 'wire'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ target: '/hints' });
      assert.equal(reply.body.toString(), 'hints');
      assert.equal(reply.interim.length, 1);
      assert.equal(reply.interim[0]?.status, 103);
      assert.equal(header(reply.interim[0].headers, 'link'), '</style.css>; rel=preload');
    },
  },
  {
    title: 'an early hint to HTTP/1.0 is nothing',
    rules: ['D4'],
    needs: ['hints', 'wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('GET /hints HTTP/1.0\r\n\r\n');
      const reply = await connection.reply();
      assert.equal(reply.body.toString(), 'hints');
      assert.deepEqual(reply.interim, []);
    },
  },
  {
    title: 'informational responses are sent at once, in order, and never after the final one',
    rules: ['D1', 'D4'],
    needs: ['interface', 'wire'],
    breaks: ['D3'],
    async run(stage) {
      const { witness } = stage;
      const server = await stage.serveApplication({
        async handle(request) {
          if (request.target !== '/hints') return { status: 200, headers: [], body: null };
          request.inform(102, []);
          request.inform(103, ['Link', '</a.css>; rel=preload', 'X-Why', 'early', 'Link', '</b.css>; rel=preload']);
          await witness.gate('final');
          void witness.gate('after').then(() => {
            request.inform(103, ['Link', '</late.css>']);
            witness.tell('informed late');
          });
          return { status: 200, headers: [], body: 'final' };
        },
      });
      const connection = await server.connect();
      await connection.request({ target: '/hints' });
      assert.equal((await connection.head()).status, 102);
      const hints = await connection.head();
      assert.equal(hints.status, 103);
      assert.equal(headerValues(hints.headers, 'link').join(', '), '</a.css>; rel=preload, </b.css>; rel=preload');
      assert.equal(header(hints.headers, 'x-why'), 'early');
      witness.open('final');
      assert.equal((await connection.reply()).body.toString(), 'final');
      witness.open('after');
      await witness.saw('informed late');
      await connection.request({ target: '/next' });
      const next = await connection.reply();
      assert.deepEqual(next.interim, [], 'an informational response after the final one');
    },
  },
  {
    title: 'an early hint to a client that has left is nothing',
    rules: ['D4'],
    needs: ['interface', 'wire'],
    async run(stage) {
      const { witness } = stage;
      const server = await stage.serveApplication({
        async handle(request) {
          if (request.target !== '/hints') return { status: 200, headers: [], body: null };
          witness.tell('waiting');
          await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
          request.inform(103, ['Link', '</late.css>']);
          return { status: 200, headers: [], body: null };
        },
      });
      const connection = await server.connect();
      await connection.request({ target: '/hints' });
      await witness.saw('waiting');
      await connection.left();
      while (server.stats().inFlight > 0) await server.request({});
    },
  },
  {
    title: 'a 204 has no content-length, and one object answers many requests',
    rules: ['D5', 'D13', 'E2', 'E4'],
    async run(stage) {
      const server = await stage.serve();
      for (let i = 0; i < 2; i++) {
        const reply = await server.request({ target: '/empty' });
        assert.equal(reply.status, 204);
        assert.equal(header(reply.headers, 'content-length'), undefined);
        assert.equal(header(reply.headers, 'transfer-encoding'), undefined);
        assert.equal(reply.body.length, 0);
      }
    },
  },
  {
    title: 'a response object is not changed by being sent',
    rules: ['D5'],
    needs: ['interface'],
    async run(stage) {
      const shared: GatewayResponse = Object.freeze({
        status: 200,
        headers: Object.freeze(['Content-Type', 'text/plain']) as readonly string[],
        body: 'shared',
      });
      // Over an array that is frozen: whoever adds a field to it throws.
      const server = await stage.serveApplication({ handle: () => shared });
      for (let i = 0; i < 3; i++) assert.equal((await server.request({})).body.toString(), 'shared');
      await turns(server);
    },
  },
];
