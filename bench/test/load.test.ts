// The load of keep-alive clients: it loses no count of what a server loses, and a rolling replacement loses nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, BoundSocket } from 'node:net';
import t from 'tap';
import { loadApplication } from '../src/load/application.ts';
import { startLoad } from '../src/load/load.ts';
import { rollingReplacements } from '../src/rolling/replacements.ts';

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

for (const transport of ['tcp', 'unix'] as const) {
  t.test(`replacing processes under load loses no request over ${transport}`, async (t) => {
    const report = await rollingReplacements({ transport, replacements: 2, clients: 10, lead: 100 });
    t.equal(report.crashed, 0);
    for (const phase of [report.before, report.during, report.after]) {
      t.same(phase.failures, {});
      t.ok(phase.requests > 0);
    }
    t.ok(report.during.processes > 2, 'new processes answered');
  });
}

t.test('a process that is killed with requests in flight shows as failed requests', async (t) => {
  const bound = new BoundSocket({ host: '127.0.0.1', port: 0 });
  const worker = spawn(
    process.execPath,
    ['--conditions=@tsgi/source', `${import.meta.dirname}/../src/rolling/worker.ts`],
    { stdio: ['ignore', 'inherit', 'inherit', bound.fd(), 'ipc'] },
  );
  await once(worker, 'message');
  const load = startLoad({ target: { kind: 'tcp', port: (bound.address() as AddressInfo).port }, clients: 10 });
  await load.answered(100);
  t.equal(load.next().failed, 0);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  bound.close();
  await load.answered(20);
  const report = await load.stop();
  t.ok(report.failed >= 10);
  t.equal(
    report.failed,
    Object.values(report.failures).reduce((sum, count) => sum + count, 0),
  );
});

t.test('a connection that is closed without a word fails its request, which is not sent again', async (t) => {
  const app = loadApplication();
  await app.ready();
  let received = 0;
  const server = createServer((req, res) => {
    received++;
    if (received % 10 === 0) req.socket.destroy();
    else app.routing(req, res);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const load = startLoad({ target: { kind: 'tcp', port: portOf(server) }, clients: 4 });
  await load.answered(200);
  const report = await load.stop();
  server.close();
  t.equal(report.requests, received);
  t.equal(report.failed, Math.floor(received / 10));
});

t.test('a reply that is cut, one that belongs to another request, and another status are failures', async (t) => {
  const server = createServer((req, res) => {
    req.resume().on('end', () => {
      const number = Number(req.url?.split('/').at(-1));
      if (number % 3 === 0) res.writeHead(200, { 'content-length': 100 }).write('cut', () => res.destroy());
      else if (number % 3 === 1) res.writeHead(503).end();
      else res.end('something else');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const load = startLoad({ target: { kind: 'tcp', port: portOf(server) }, clients: 2 });
  await load.answered(60);
  const { requests, failed, failures } = await load.stop();
  server.close();
  t.equal(failed, requests);
  const kinds = Object.keys(failures).join('\n');
  t.match(kinds, /within the reply/);
  t.match(kinds, /answered with 503/);
  t.match(kinds, /not the one sent/);
});

t.test('the application refuses a body that is not the one sent', async (t) => {
  const app = loadApplication();
  t.teardown(() => app.close());
  const headers = { 'content-type': 'application/octet-stream', 'x-body-crc32': '1' };
  const reply = await app.inject({ method: 'POST', url: '/item/1', headers, payload: Buffer.alloc(10) });
  t.equal(reply.statusCode, 422);
});
