import { once } from 'node:events';
import http from 'node:http';
import { listen } from '@tsgi/adapter-node';
import { type Application, mount } from '@tsgi/core';
import express from 'express';
import t, { type Test } from 'tap';
import { fromExpress } from '../src/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function serve(t: Test, application: Application): Promise<string> {
  const server = await listen(application, '127.0.0.1:0', { log: silent });
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address as { port: number }).port}`;
}

t.test('routes, parsed bodies and cookies work', async (t) => {
  const app = express();
  app.use(express.json());
  app.post('/items/:id', (req, res) => {
    res.cookie('a', '1').cookie('b', '2').status(201).json({ id: req.params.id, body: req.body, ip: req.ip });
  });
  const url = await serve(t, fromExpress(app));
  const reply = await fetch(`${url}/items/7`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"x"}',
  });
  t.equal(reply.status, 201);
  t.strictSame(await reply.json(), { id: '7', body: { name: 'x' }, ip: '127.0.0.1' });
  t.strictSame(reply.headers.getSetCookie(), ['a=1; Path=/', 'b=2; Path=/']);
});

t.test('req and res are instances of what node:http has, also in a mounted application', async (t) => {
  const app = express();
  const sub = express();
  sub.get('/x', (req, res) => {
    const chain = [req instanceof http.IncomingMessage, res instanceof http.ServerResponse];
    res.json([...chain, req.baseUrl, req.originalUrl, req.url, typeof req.accepts, res.app === sub]);
  });
  app.use('/sub', sub);
  const url = await serve(t, fromExpress(app));
  const reply = await fetch(`${url}/sub/x?q=1`);
  t.strictSame(await reply.json(), [true, true, '/sub', '/sub/x?q=1', '/x?q=1', 'function', true]);
});

t.test('behind a mount, links and redirects carry the prefix', async (t) => {
  const app = express();
  app.get('/where', (req, res) => res.json([req.baseUrl, req.originalUrl, req.url]));
  app.use('/docs', express.static(import.meta.dirname));
  const url = await serve(t, mount('/shop', fromExpress(app)));
  t.strictSame(await (await fetch(`${url}/shop/where?a=1`)).json(), ['/shop', '/shop/where?a=1', '/where?a=1']);
  const redirect = await fetch(`${url}/shop/docs`, { redirect: 'manual' });
  t.equal(redirect.status, 301);
  t.equal(redirect.headers.get('location'), '/shop/docs/');
});

t.test('files are sent with ranges and revalidated', async (t) => {
  const app = express();
  app.use(express.static(import.meta.dirname));
  const url = await serve(t, fromExpress(app));
  const part = await fetch(`${url}/express.test.ts`, { headers: { range: 'bytes=0-5' } });
  t.equal(part.status, 206);
  t.equal(await part.text(), 'import');
  const etag = (await fetch(`${url}/express.test.ts`)).headers.get('etag') as string;
  // Not by fetch, which adds Cache-Control: no-cache to a conditional request.
  const again = http.get(`${url}/express.test.ts`, { agent: false, headers: { 'if-none-match': etag } });
  const [reply] = (await once(again, 'response')) as [http.IncomingMessage];
  reply.resume();
  t.equal(reply.statusCode, 304);
});

t.test('another application of the same process is still served natively', async (t) => {
  const bridged = express();
  bridged.get('/', (_req, res) => void res.send('bridged'));
  const native = express();
  native.get('/', (req, res) => void res.send(`native ${req.hostname}`));
  const url = await serve(t, fromExpress(bridged));
  const server = http.createServer(native).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  t.equal(await (await fetch(url)).text(), 'bridged');
  const { port } = server.address() as { port: number };
  t.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), 'native 127.0.0.1');
});

t.test('an error in a handler is answered by Express, a rejected one too', async (t) => {
  const app = express();
  app.get('/throws', () => {
    throw new Error('broken');
  });
  app.get('/rejects', async () => {
    throw new Error('broken');
  });
  app.use((_error: Error, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    res.status(503).send('handled');
  });
  const url = await serve(t, fromExpress(app));
  for (const path of ['/throws', '/rejects']) {
    const reply = await fetch(url + path);
    t.equal(reply.status, 503);
    t.equal(await reply.text(), 'handled');
  }
});
