import { once } from 'node:events';
import http from 'node:http';
import type { Application } from '@tsgi/core';
import t, { type Test } from 'tap';
import { toNodeListener } from '../src/index.ts';

const show: Application = {
  handle: ({ method, mountPath, target, host, client }) => ({
    status: 200,
    headers: ['content-type', 'application/json'],
    body: JSON.stringify({ method, mountPath, target, host: host !== '', client: client.kind }),
  }),
};

async function serve(t: Test, listener: http.RequestListener): Promise<string> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

t.test("an application lives in somebody else's server", async (t) => {
  const url = await serve(t, toNodeListener(show));
  t.strictSame(await (await fetch(`${url}/a?b`)).json(), {
    method: 'GET',
    mountPath: '',
    target: '/a?b',
    host: true,
    client: 'ip',
  });
});

t.test('below a path of an Express application, the path is the mount path', async (t) => {
  const { default: express } = await import('express');
  const app = express();
  app.use('/shop', toNodeListener(show));
  const url = await serve(t, app);
  t.match(await (await fetch(`${url}/shop/a?b`)).json(), { mountPath: '/shop', target: '/a?b' });
  t.match(await (await fetch(`${url}/shop`)).json(), { mountPath: '/shop', target: '/' });
});

t.test('what the adapter refuses is answered as a response of that server', async (t) => {
  const url = await serve(t, toNodeListener(show, { limits: { requestLine: 50 } }));
  const reply = await fetch(`${url}/${'x'.repeat(50)}`);
  t.equal(reply.status, 414);
  t.equal(await reply.text(), '414 URI Too Long\n');
});

t.test('an answer that somebody else gave first is left alone, and told once', async (t) => {
  const lines: string[] = [];
  const write = (_fields: object, message: string) => void lines.push(message);
  const log = { debug: write, info: write, warn: write, error: write };
  const answered = Promise.withResolvers<void>();
  const handled = Promise.withResolvers<void>();
  const listener = toNodeListener(
    {
      async handle() {
        await answered.promise;
        setImmediate(handled.resolve);
        return { status: 200, headers: [], body: 'late' };
      },
    },
    { log },
  );
  const url = await serve(t, (incoming, outgoing) => {
    listener(incoming, outgoing);
    outgoing.writeHead(503);
    outgoing.end('too late');
    answered.resolve();
  });
  const reply = await fetch(url);
  t.equal(reply.status, 503);
  t.equal(await reply.text(), 'too late');
  await handled.promise;
  t.same(lines, ['the application failed to answer']);
});
