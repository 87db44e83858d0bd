// Rule B1: what is no valid request gets its status, `Connection: close` and one line in the log, never reaches the
// application, and harms nobody else.

import assert from 'node:assert/strict';
import { header } from '@tsgi/core';
import type { Case } from '../case.ts';
import type { Connection } from '../client/connection.ts';
import type { Message } from '../client/message.ts';
import type { Entry } from '../log.ts';
import type { Server, Stage } from '../stage.ts';

const GET = 'GET /hello HTTP/1.1\r\nHost: a.test\r\n';
const POST = 'POST /count HTTP/1.1\r\nHost: a.test\r\n';

/** Bytes by what is wrong with them. */
type Messages = Readonly<Record<string, string>>;

const MALFORMED: Messages = {
  'no Host': 'GET /hello HTTP/1.1\r\n\r\n',
  'two Hosts': `${GET}Host: b.test\r\n\r\n`,
  'two equal Hosts': `${GET}Host: a.test\r\n\r\n`,
  'two Hosts in HTTP/1.0': 'GET /hello HTTP/1.0\r\nHost: a.test\r\nHost: b.test\r\n\r\n',
  'a Host with a space': 'GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n',
  'a Host with user information': 'GET /hello HTTP/1.1\r\nHost: user@a.test\r\n\r\n',
  'a Host with a path': 'GET /hello HTTP/1.1\r\nHost: a.test/b\r\n\r\n',
  'a Host list': 'GET /hello HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n',
  'a target in absolute form with user information': 'GET http://user@a.test/hello HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'a target that is no path': 'GET hello HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'a target of another scheme': 'GET ftp://a.test/hello HTTP/1.1\r\nHost: a.test\r\n\r\n',
  '* with a method other than OPTIONS': 'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'a target with a space': 'GET /hello world HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'a target with NUL': 'GET /he\0llo HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'no version': 'GET /hello\r\nHost: a.test\r\n\r\n',
  'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'a method that is no token': 'GE(T /hello HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'a space before the colon': `${GET}X-Name : 1\r\n\r\n`,
  'a name that is no token': `${GET}X Name: 1\r\n\r\n`,
  'an empty name': `${GET}: 1\r\n\r\n`,
  'a line without a colon': `${GET}X-Name\r\n\r\n`,
  'a folded line': `${GET}X-Name: 1\r\n 2\r\n\r\n`,
  'a folded first line': 'GET /hello HTTP/1.1\r\n Host: a.test\r\n\r\n',
  'a bare CR': `${GET}X-Name: 1\r2\r\n\r\n`,
  'a bare CR as the end of a line': `${GET}X-Name: 1\rX-Other: 2\r\n\r\n`,
  'a bare LF as the end of a line': `${GET}X-Name: 1\nX-Other: 2\r\n\r\n`,
  'a bare LF as the end of the request line': 'GET /hello HTTP/1.1\nHost: a.test\r\n\r\n',
  'a bare LF as the end of the head': `${GET}\n`,
  'NUL in a value': `${GET}X-Name: 1\x002\r\n\r\n`,
  'a control character in a value': `${GET}X-Name: 1\x012\r\n\r\n`,
  'DEL in a value': `${GET}X-Name: 1\x7f2\r\n\r\n`,
};

const FRAMING: Messages = {
  'Content-Length and Transfer-Encoding': `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'Transfer-Encoding and Content-Length': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'two lengths that differ': `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
  'two equal lengths': `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`,
  'a list of lengths': `${POST}Content-Length: 5, 5\r\n\r\nabcde`,
  'a length with a sign': `${POST}Content-Length: +5\r\n\r\nabcde`,
  'a negative length': `${POST}Content-Length: -5\r\n\r\nabcde`,
  'a hexadecimal length': `${POST}Content-Length: 0x5\r\n\r\nabcde`,
  'a length that is no number': `${POST}Content-Length: five\r\n\r\nabcde`,
  'an empty length': `${POST}Content-Length:\r\n\r\n`,
  'a length beyond all numbers': `${POST}Content-Length: 99999999999999999999999\r\n\r\nabcde`,
  'chunked twice': `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'chunked in two fields': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a transfer coding in HTTP/1.0': 'POST /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
};

const CODINGS: Messages = {
  gzip: `${POST}Transfer-Encoding: gzip\r\n\r\n`,
  'gzip, chunked': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  identity: `${POST}Transfer-Encoding: identity\r\n\r\n`,
  'a misspelled chunked': `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
};

const CHUNKS: Messages = {
  'no size': 'zz\r\nhello\r\n0\r\n\r\n',
  'a negative size': '-5\r\nhello\r\n0\r\n\r\n',
  'a size with a prefix': '0x5\r\nhello\r\n0\r\n\r\n',
  'a size after a space': ' 5\r\nhello\r\n0\r\n\r\n',
  'an empty size': '\r\nhello\r\n0\r\n\r\n',
  'a size beyond all numbers': 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  'a bare LF behind the size': '5\nhello\r\n0\r\n\r\n',
  'a bare LF in an extension': '5;a\nhello\r\n0\r\n\r\n',
  'a chunk longer than its size': '3\r\nhello\r\n0\r\n\r\n',
  'a bare LF behind a chunk': '5\r\nhello\n0\r\n\r\n',
  'a trailer with a space before its colon': '5\r\nhello\r\n0\r\nX-Name : 1\r\n\r\n',
  'a folded trailer': '5\r\nhello\r\n0\r\nX-Name: 1\r\n 2\r\n\r\n',
};

/** Reads a refusal from `connection`, and that the connection ends with it. */
async function expectRefusal(connection: Connection, status: number, method?: string): Promise<void> {
  const reply = await connection.reply(method);
  assert.equal(reply.status, status);
  assert.equal(header(reply.headers, 'connection')?.toLowerCase(), 'close', 'Connection: close');
  assert.equal((await connection.closed()).length, 0, 'nothing follows it');
}

/** The one line that the adapter wrote about a refusal. */
function oneLine(stage: Stage): Entry {
  const entries = [...stage.log.take('info'), ...stage.log.take('warn')];
  assert.equal(entries.length, 1, `lines in the log: ${entries.map(({ message }) => message).join('; ') || 'none'}`);
  return entries[0] as Entry;
}

/** Each message is refused with `status` and stays the server's business; all that go wrong are told at once. */
async function refuseAll(stage: Stage, messages: Messages, status: number): Promise<void> {
  const server = await stage.serve();
  const problems: string[] = [];
  for (const [what, bytes] of Object.entries(messages)) {
    const connection = await server.connect();
    connection.send(bytes);
    try {
      await expectRefusal(connection, status);
      assert.equal(stage.requests.length, 0, 'it reached the application');
      oneLine(stage);
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
    stage.requests.length = 0;
    stage.log.take('warn');
    connection.leave();
  }
  assert.equal((await server.request({})).status, 200, 'the next request is answered');
  assert.deepEqual(problems, []);
}

async function refuse(stage: Stage, server: Server, message: Message, status: number): Promise<void> {
  if (stage.has('wire')) {
    const connection = await server.connect();
    await connection.request(message);
    await expectRefusal(connection, status, message.method);
  } else assert.equal((await server.request(message)).status, status);
  assert.equal(stage.requests.length, 0, 'it reached the application');
  oneLine(stage);
  assert.equal((await server.request({})).status, 200, 'the next request is answered');
}

export const refusalCases: readonly Case[] = [
  {
    title: 'a malformed head gets 400',
    rules: ['B1', 'B8'],
    needs: ['wire'],
    run: (stage) => refuseAll(stage, MALFORMED, 400),
  },
  {
    title: 'framing that can be read in two ways gets 400',
    rules: ['B1', 'B12'],
    needs: ['wire'],
    run: (stage) => refuseAll(stage, FRAMING, 400),
  },
  {
    title: 'a transfer coding other than chunked gets 501',
    rules: ['B1', 'B12'],
    needs: ['wire'],
    run: (stage) => refuseAll(stage, CODINGS, 501),
  },
  {
    title: 'CONNECT gets 501',
    rules: ['B1', 'B2'],
    needs: ['wire'],
    run: (stage) => refuseAll(stage, { CONNECT: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n' }, 501),
  },
  {
    title: 'an expectation other than 100-continue gets 417',
    rules: ['B1'],
    needs: ['wire'],
    run: (stage) =>
      refuseAll(stage, { unknown: `${GET}Expect: 200-ok\r\n\r\n`, two: `${GET}Expect: 100-continue, x\r\n\r\n` }, 417),
  },
  {
    title: 'malformed chunks get 400, and the body is cut for the application',
    rules: ['B1', 'C6'],
    needs: ['wire'],
    async run(stage) {
      const server = await stage.serve();
      const problems: string[] = [];
      for (const [what, bytes] of Object.entries(CHUNKS)) {
        const connection = await server.connect();
        const cuts = stage.witness.told('cut').length;
        connection.send(`${POST}Transfer-Encoding: chunked\r\n\r\n`, bytes);
        try {
          await expectRefusal(connection, 400);
          oneLine(stage);
          await connection.left();
          // The server may still be at it when the client has its answer.
          while (server.stats().inFlight > 0) await server.request({});
          if (stage.requests.some(({ method }) => method === 'POST')) {
            assert.equal(stage.witness.told('cut').length, cuts + 1, 'the application took the body for whole');
          }
        } catch (error) {
          problems.push(`${what}: ${(error as Error).message}`);
        }
        stage.requests.length = 0;
        stage.log.take('warn');
        connection.leave();
      }
      assert.deepEqual(problems, []);
    },
  },
  {
    title: 'a request line over the limit gets 414',
    rules: ['B1'],
    needs: ['request line limit'],
    async run(stage) {
      const server = await stage.serve({ limits: { requestLine: 1000 } });
      for (const length of [1001, 9000, 200_000]) {
        stage.requests.length = 0;
        await refuse(stage, server, { target: `/${'x'.repeat(length)}` }, 414);
      }
    },
  },
  {
    title: 'fields over the limits get 431',
    rules: ['B1'],
    needs: ['field limits'],
    async run(stage) {
      const server = await stage.serve({ limits: { headerBytes: 2000, headerCount: 20 } });
      for (const length of [2000, 20_000, 200_000]) {
        stage.requests.length = 0;
        await refuse(stage, server, { headers: ['X-Long', 'x'.repeat(length)] }, 431);
      }
      for (const count of [20, 300]) {
        stage.requests.length = 0;
        await refuse(stage, server, { headers: Array.from({ length: count }, (_, i) => [`X-${i}`, '1']).flat() }, 431);
      }
      stage.requests.length = 0;
      const headers = Array.from({ length: 15 }, (_, i) => [`X-${i}`, 'x'.repeat(100)]).flat();
      assert.equal((await server.request({ headers })).status, 200, 'fields below the limits');
    },
  },
  {
    title: 'a body over the limit by its length gets 413',
    rules: ['B1'],
    needs: ['body limit'],
    async run(stage) {
      const server = await stage.serve({ limits: { bodyBytes: 1000 } });
      await refuse(stage, server, { method: 'POST', target: '/count', body: 'x'.repeat(1001) }, 413);
      const reply = await server.request({ method: 'POST', target: '/count', body: 'x'.repeat(1000) });
      assert.equal(reply.body.toString(), '1000');
    },
  },
  {
    title: 'a body over the limit in chunks gets 413, and the application is told',
    rules: ['B1', 'C6', 'G1'],
    needs: ['body limit'],
    async run(stage) {
      const server = await stage.serve({ limits: { bodyBytes: 1000 } });
      const body = [Buffer.alloc(600, 'a'), Buffer.alloc(600, 'b'), Buffer.alloc(600, 'c')];
      const reply = await server.request({ method: 'POST', target: '/count', body });
      assert.equal(reply.status, 413);
      assert.equal(stage.witness.told('cut').length, 1);
      if (stage.has('interface')) {
        assert.equal((stage.witness.told('cut')[0] as { code?: string }).code, 'TSGI_ERR_BODY_TOO_LARGE');
        oneLine(stage);
      }
      assert.equal((await server.request({})).status, 200, 'the next request is answered');
    },
  },
  {
    title: 'a head that is too slow gets 408',
    rules: ['B1'],
    needs: ['wire', 'time limits'],
    async run(stage) {
      const server = await stage.serve({ limits: { headerTime: 200 } });
      const connection = await server.connect();
      connection.send('GET /hello HTTP/1.1\r\nHost: a');
      await expectRefusal(connection, 408);
      assert.equal(stage.requests.length, 0);
      oneLine(stage);
    },
  },
  {
    title: 'a body that is too slow gets 408, and the application is told',
    rules: ['B1', 'C6'],
    needs: ['wire', 'time limits'],
    async run(stage) {
      const server = await stage.serve({ limits: { headerTime: 200, bodyTime: 200 } });
      const connection = await server.connect();
      connection.send(`${POST}Content-Length: 10\r\n\r\n`, 'abc');
      await expectRefusal(connection, 408);
      const error = await stage.witness.saw('cut');
      if (stage.has('interface')) assert.equal((error as { code?: string }).code, 'TSGI_ERR_REQUEST_TIMEOUT');
      oneLine(stage);
    },
  },
  {
    title: 'a connection over the limit gets 503 at once',
    rules: ['B1'],
    needs: ['wire', 'connection limit'],
    async run(stage) {
      const server = await stage.serve({ limits: { connections: 2 } });
      const first = await server.connect();
      const second = await server.connect();
      for (const connection of [first, second]) {
        await connection.request({});
        assert.equal((await connection.reply()).status, 200);
      }
      const third = await server.connect();
      await expectRefusal(third, 503);
      oneLine(stage);
      await third.left();
      await first.left();
      // The server may still be at it.
      while (server.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await server.request({})).status, 200, 'there is room again');
      await second.request({});
      assert.equal((await second.reply()).status, 200, 'the other one was not harmed');
    },
  },
];
