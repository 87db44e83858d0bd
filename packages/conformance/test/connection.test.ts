// The client of the suite reads responses strictly: what it let pass, the suite would let pass.

import { connect, createServer, type Server } from 'node:net';
import { type Test, test } from 'tap';
import { Connection } from '../src/client/connection.ts';
import { CutError } from '../src/client/message.ts';

/** A connection to a server that sends these bytes to everyone, and then closes or resets. */
async function receiving(t: Test, bytes: string, end: 'close' | 'reset' | 'stay' = 'close'): Promise<Connection> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(Buffer.from(bytes, 'latin1'), () => {
      if (end === 'close') socket.end();
      // The client has got the bytes when it says so.
      if (end === 'reset') socket.once('data', () => socket.resetAndDestroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const connection = new Connection(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  t.teardown(async () => {
    await connection.left();
    await new Promise((resolve) => server.close(resolve));
  });
  return connection;
}

test('responses are read one after the other, by their framing', async (t) => {
  const connection = await receiving(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello' +
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-End: yes\r\n\r\n' +
      'HTTP/1.1 204 No Content\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n' +
      'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  );
  const first = await connection.reply();
  t.equal(first.body.toString(), 'hello');
  t.strictSame(first.headers, ['Content-Length', '5', 'X-A', '1']);
  const second = await connection.reply();
  t.equal(second.body.toString(), 'abcde');
  t.strictSame(second.trailers, ['X-End', 'yes']);
  t.strictSame(second.interim, [{ status: 103, headers: ['Link', '</a>'] }]);
  t.equal((await connection.reply()).status, 204);
  t.equal((await connection.reply('HEAD')).body.length, 0);
  t.equal((await connection.reply()).body.toString(), 'until the end');
});

for (const [what, bytes] of [
  ['a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'],
  ['a body in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ['a body in chunks before its trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n'],
] as const) {
  test(`${what} that is cut is told from a whole one`, async (t) => {
    const connection = await receiving(t, bytes);
    await t.rejects(connection.reply(), CutError);
  });
}

test('a reset ends no body', async (t) => {
  const connection = await receiving(t, 'HTTP/1.1 200 OK\r\n\r\nuntil', 'reset');
  await connection.head();
  t.equal((await connection.piece())?.toString(), 'until');
  connection.send('got it');
  await t.rejects(connection.piece(), CutError);
});

for (const [what, bytes] of [
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n'],
  ['a field without a colon', 'HTTP/1.1 200 OK\r\nX-A\r\n\r\n'],
  ['a space before a colon', 'HTTP/1.1 200 OK\r\nX-A : 1\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\n\r\n'],
  ['a length beside a transfer coding', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n'],
  ['a chunk size that is no number', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
  ['a chunk that is longer than it said', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n'],
] as const) {
  test(`${what} is refused`, async (t) => {
    const connection = await receiving(t, bytes, 'stay');
    const error = await connection.reply().catch((caught: unknown) => caught);
    t.type(error, Error);
    t.notOk(error instanceof CutError);
  });
}
