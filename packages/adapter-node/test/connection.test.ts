// Who is at the other end, where the system cannot tell it any more.

import { execFileSync } from 'node:child_process';
import t from 'tap';
import { serve } from './fixtures/serve.ts';

t.test('a client that reset its connection before it was accepted is not taken for a Unix peer', async (t) => {
  const seen = Promise.withResolvers<unknown>();
  const { port } = await serve(
    t,
    ({ client, peer, id }) => {
      seen.resolve({ client, peer, id });
      return { status: 200, headers: [], body: null };
    },
    { trust: ['unix'] },
  );
  const request = 'POST / HTTP/1.1\\r\\nHost: a\\r\\nX-Forwarded-For: 192.0.2.1\\r\\nX-Request-Id: forged\\r\\n\\r\\n';
  const program = `
    const socket = require('node:net').connect(${port}, '127.0.0.1', () => {
      socket.write('${request}', () => socket.resetAndDestroy());
    });`;
  // While this waits, nothing is accepted.
  execFileSync(process.execPath, ['-e', program]);
  const unknown = { kind: 'ip', address: '0.0.0.0', port: 0 };
  t.match(await seen.promise, { client: unknown, peer: unknown, id: /^(?!forged)/ });
});
