// Section B: what of a request reaches the application, and as what. What must not reach it is in refusals.ts.

import assert from 'node:assert/strict';
import { type HeaderList, headerFields, mount } from '@tsgi/core';
import type { Case } from '../case.ts';
import type { Message } from '../client/message.ts';
import type { Serving, Stage } from '../stage.ts';

/** What the application is told of one request. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly protocol: string;
  readonly ip: string;
  readonly id: string;
}

async function see(stage: Stage, message: Message, serving: Serving = {}): Promise<Seen> {
  const server = await stage.serve(serving);
  const reply = await server.request({ target: '/seen', ...message });
  assert.equal(reply.status, 200, reply.body.toString());
  return JSON.parse(reply.body.toString());
}

const CHAIN: HeaderList = [
  ...['Host', 'inner.test', 'X-Forwarded-For', '192.0.2.66, 198.51.100.7, 10.0.0.2'],
  ...['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'quotes.test', 'X-Request-Id', 'chosen-by-the-proxy'],
];
/** The suite's own peer, and a network of proxies. */
const OURS = ['127.0.0.1', '::1', 'unix', '10.0.0.0/8'];

export const requestCases: readonly Case[] = [
  {
    title: 'a target arrives as it was sent',
    rules: ['B3'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const target = '/seen/../seen/.//%7Equotes/a%2Fb;c=1?x=%20&y=a+b&z=%C3%A9?&';
      await server.request({ target });
      assert.equal(stage.requests[0]?.target, target);
    },
  },
  {
    title: 'the framework tells the target as it was sent',
    rules: ['B3'],
    needs: ['target'],
    async run(stage) {
      const target = '/seen?x=%20&y=a+b&z=%C3%A9';
      assert.equal((await see(stage, { target })).url, target);
    },
  },
  {
    title: 'a target in absolute form is one of its authority',
    rules: ['B4', 'B8'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({
        target: 'http://other.test:8080/seen?x=1',
        headers: ['Host', 'first.test'],
      });
      const [request] = stage.requests;
      assert.equal(request?.target, '/seen?x=1');
      assert.equal(request.host, 'other.test:8080');
      assert.equal(JSON.parse(reply.body.toString()).host, 'other.test:8080');
      await server.request({ target: 'http://other.test', headers: ['Host', 'other.test'] });
      assert.equal(stage.requests[1]?.target, '/');
      await server.request({ target: 'http://other.test?x=1', headers: ['Host', 'other.test'] });
      assert.equal(stage.requests[2]?.target, '/?x=1');
    },
  },
  {
    title: 'OPTIONS * reaches the application',
    rules: ['B3'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const reply = await server.request({ method: 'OPTIONS', target: '*' });
      assert.equal(stage.requests[0]?.target, '*');
      assert.ok(reply.status < 600);
    },
  },
  {
    title: 'a mount moves its prefix from the target to mountPath',
    rules: ['B5'],
    async run(stage) {
      const serving: Serving = { around: (application) => mount('/app', application) };
      assert.equal((await see(stage, { target: '/app/seen' }, serving)).url, '/app/seen');
      const [request] = stage.requests;
      assert.equal(request?.target, '/app/seen');
    },
  },
  {
    title: 'a method arrives in its case',
    rules: ['B2'],
    async run(stage) {
      const server = await stage.serve();
      await server.request({ method: 'M-SEARCH' });
      await server.request({ method: 'PATCH', body: 'x' });
      assert.deepEqual(
        stage.requests.map(({ method }) => method),
        ['M-SEARCH', 'PATCH'],
      );
    },
  },
  {
    title: 'HTTP/1.0 is told from HTTP/1.1',
    rules: ['B6'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const connection = await server.connect();
      connection.send('GET /hello HTTP/1.0\r\n\r\n');
      assert.equal((await connection.reply()).status, 200);
      await server.request({});
      assert.deepEqual(
        stage.requests.map(({ httpVersion }) => httpVersion),
        ['1.0', '1.1'],
      );
      assert.equal(stage.requests[0]?.host, '');
    },
  },
  {
    title: 'every field arrives, in order, duplicates and spelling of values kept',
    rules: ['B9', 'B10', 'B11', 'B13', 'B15'],
    needs: ['wire'],
    async run(stage) {
      const sent = [
        ...['Host', 'a.test', 'X-Twice', 'one', 'Accept', 'text/html', 'x-twice', 'two, three', 'Cookie', 'a=1'],
        ...['COOKIE', 'b=2', 'X-Latin', '\xe9\xff', 'X-Tab', 'a\tb', 'X-Empty', '', 'Connection', 'keep-alive'],
        ...['Set-Cookie', 'x', 'User-Agent', 'one', 'User-Agent', 'two'],
      ];
      const server = await stage.serve();
      const connection = await server.connect();
      await connection.request({ headers: sent });
      await connection.reply();
      const [request] = stage.requests;
      const list = sent.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
      assert.deepEqual(request?.headers, list);
      const fields = headerFields(list);
      assert.deepEqual({ ...request?.fields, host: fields.host }, { ...fields });
    },
  },
  {
    title: 'who connects is peer and client',
    rules: ['B16'],
    async run(stage) {
      await see(stage, {});
      const [request] = stage.requests;
      assert.deepEqual(request?.client, request?.peer);
    },
  },
  {
    title: 'a trusted proxy tells client, scheme, host and id',
    rules: ['B16', 'B17', 'B18'],
    needs: ['trust'],
    async run(stage) {
      const seen = await see(stage, { headers: CHAIN }, { trust: OURS });
      const [request] = stage.requests;
      assert.deepEqual(request?.client, { kind: 'ip', address: '198.51.100.7', port: 0 });
      assert.equal(request.scheme, 'https');
      assert.equal(request.host, 'quotes.test');
      assert.equal(request.id, 'chosen-by-the-proxy');
      assert.deepEqual(
        { ip: seen.ip, protocol: seen.protocol, host: seen.host },
        { ip: '198.51.100.7', protocol: 'https', host: 'quotes.test' },
      );
      if (seen.id !== undefined) assert.equal(seen.id, 'chosen-by-the-proxy');
    },
  },
  {
    title: 'the forwarding fields of anyone else have no effect',
    rules: ['B17'],
    needs: ['trust'],
    async run(stage) {
      const seen = await see(stage, { headers: CHAIN }, { trust: [] });
      const [request] = stage.requests;
      assert.deepEqual(request?.client, request?.peer);
      assert.equal(request?.scheme, 'http');
      assert.equal(request?.host, 'inner.test');
      assert.notEqual(request?.id, 'chosen-by-the-proxy');
      assert.ok(request?.headers.includes('x-forwarded-for'), 'they stay in headers');
      assert.equal(seen.host, 'inner.test');
      assert.equal(seen.protocol, 'http');
      assert.ok(!['192.0.2.66', '198.51.100.7', '10.0.0.2'].includes(seen.ip), `the application sees ${seen.ip}`);
    },
  },
  {
    title: 'a client cannot write itself into the chain of a trusted proxy',
    rules: ['B17'],
    needs: ['trust'],
    async run(stage) {
      // The client sent 127.0.0.1, and the proxy appended where it really is.
      const headers = ['X-Forwarded-For', '127.0.0.1, 203.0.113.5'];
      await see(stage, { headers });
      assert.deepEqual(stage.requests[0]?.client, { kind: 'ip', address: '203.0.113.5', port: 0 });
    },
  },
  {
    title: 'what a proxy writes that is none is passed over',
    rules: ['B7', 'B8', 'B16', 'B17', 'B18'],
    needs: ['trust'],
    async run(stage) {
      const headers = [
        ...['Host', 'inner.test', 'X-Forwarded-For', 'unknown', 'X-Forwarded-Proto', 'gopher'],
        ...['X-Forwarded-Host', 'a b/c', 'X-Forwarded-Prefix', '//evil.test/', 'X-Request-Id', 'x'.repeat(300)],
      ];
      await see(stage, { headers });
      const [request] = stage.requests;
      assert.deepEqual(request?.client, request?.peer);
      assert.equal(request?.scheme, 'http');
      assert.equal(request?.host, 'inner.test');
      assert.equal(request?.mountPath, '');
      assert.ok((request?.id.length ?? 300) <= 200);
    },
  },
  {
    title: 'X-Forwarded-Prefix of a trusted proxy is the mount path',
    rules: ['B5', 'B17'],
    needs: ['trust'],
    async run(stage) {
      const seen = await see(stage, { headers: ['X-Forwarded-Prefix', '/shop/'] });
      assert.equal(stage.requests[0]?.mountPath, '/shop');
      assert.equal(stage.requests[0]?.target, '/seen');
      assert.equal(seen.url, '/shop/seen');
    },
  },
  {
    title: 'Forwarded (RFC 7239) of a trusted proxy, where it is asked for',
    rules: ['B17'],
    needs: ['trust', 'forwarded'],
    async run(stage) {
      const headers = [
        ...[
          'Host',
          'inner.test',
          'X-Forwarded-For',
          '192.0.2.1',
          'Forwarded',
          'for=192.0.2.66;proto=http;host=evil.test',
        ],
        ...[
          'Forwarded',
          'for="[2001:db8::7]:4711";proto=https;host=quotes.test, for=10.0.0.2;proto=http;host=hop.test',
        ],
      ];
      await see(stage, { headers }, { trust: OURS, forwarded: 'forwarded' });
      const [request] = stage.requests;
      assert.deepEqual(request?.client, { kind: 'ip', address: '2001:db8::7', port: 4711 });
      assert.equal(request.scheme, 'https');
      assert.equal(request.host, 'quotes.test');
    },
  },
  {
    title: 'Forwarded of anyone else has no effect',
    rules: ['B17'],
    needs: ['trust', 'forwarded'],
    async run(stage) {
      const headers = ['Host', 'inner.test', 'Forwarded', 'for=192.0.2.66;proto=https;host=evil.test'];
      await see(stage, { headers }, { trust: [], forwarded: 'forwarded' });
      const [request] = stage.requests;
      assert.deepEqual(request?.client, request?.peer);
      assert.equal(request?.scheme, 'http');
      assert.equal(request?.host, 'inner.test');
    },
  },
];
