import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createApp } from '@tsgi/app-movie-quotes';
import t from 'tap';
import { configIn, serve, temporaryFolder } from './fixtures/movie-quotes.ts';

/** GET over a Unix socket. */
async function getOver(socketPath: string, path: string): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(get({ socketPath, path, agent: false }), 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, body };
}

t.test('it serves over TCP, and ends with 0 when it is told to', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, location, ended } = await serve(t, temporaryFolder(t), { TSGI_BIND: '127.0.0.1:0' });
    t.match(location, /^http:\/\/127\.0\.0\.1:\d+$/);
    const response = await fetch(`${location}/api/v1/quotes/random`);
    t.match(await response.json(), { film: /./, content: /./ });
    t.match(await (await fetch(location)).text(), /<blockquote>/);
    child.kill(signal);
    t.match(await ended, { status: 0, stderr: '' }, signal);
  }
});

t.test('it serves over a Unix socket, and takes the file away', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'mq.sock');
  const { child, location, ended } = await serve(t, folder, { TSGI_BIND: `unix:${path}` });
  t.equal(location, `unix:${path}`);
  t.ok(statSync(path).isSocket());
  const { status, body } = await getOver(path, '/api/v1/quotes/random');
  t.equal(status, 200);
  t.match(JSON.parse(body), { film: /./, content: /./ });
  child.kill('SIGTERM');
  t.match(await ended, { status: 0, stderr: '' });
  t.notOk(existsSync(path));
});

t.test('it serves on a socket that it was given', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { child, location, ended } = await serve(t, temporaryFolder(t), { TSGI_BIND: 'fd://3' }, { stdio: [fd] });
  server.close();
  t.equal(location, 'fd://3');
  t.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  child.kill('SIGTERM');
  t.match(await ended, { status: 0, stderr: '' });
});

t.test('the ids in the log are those of the gateway, and an answer in flight is finished', async (t) => {
  const { child, location, ended } = await serve(t, temporaryFolder(t), { TSGI_BIND: '127.0.0.1:0' });
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const url = new URL('/api/v1/quotes/random', location);
  const [first] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  await first.resume().toArray();
  const [second] = (await once(
    get(url, { agent, headers: { 'x-request-id': 'of-a-client' } }, () => child.kill('SIGTERM')),
    'response',
  )) as [IncomingMessage];
  t.equal(second.statusCode, 200);
  t.match(JSON.parse((await second.setEncoding('utf8').toArray()).join('')), { film: /./ });
  const { status, stdout } = await ended;
  t.equal(status, 0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const requests = lines.filter((line) => line.method === 'GET');
  t.match(requests, [{ url: '/api/v1/quotes/random', status: 200, ms: Number, reqId: /./ }, { reqId: /./ }]);
});

t.test('LOG_REQUESTS=false leaves the lines of requests out', async (t) => {
  const environment = { TSGI_BIND: '127.0.0.1:0', LOG_REQUESTS: 'false' };
  const { child, location, ended } = await serve(t, temporaryFolder(t), environment);
  await (await fetch(`${location}/nothing`)).text();
  child.kill('SIGTERM');
  t.notMatch((await ended).stdout, '/nothing');
});

t.test("the application is served by Fastify's own listen as well", async (t) => {
  const app = createApp({ config: configIn(temporaryFolder(t)) });
  t.teardown(() => app.close());
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  t.match(await (await fetch(`${address}/api/v1/quotes/random`)).json(), { film: /./, content: /./ });
  t.equal((await fetch(`${address}/`)).status, 200);
});
