// What settings of `tsgi serve` come to, where they go through the arbiter, a worker and an adapter.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { makeCertificate, noOpenssl } from './fixtures/certificate.ts';
import { request } from './fixtures/clients.ts';
import { addressOf, run } from './fixtures/served.ts';

const APP = `export const app = {
  handle: ({ client, scheme, target }) => {
    if (target === '/throw') throw new Error('by the handler');
    return { status: 200, headers: [], body: scheme + ' ' + client.address };
  },
};`;

t.test(
  '--certfile and --keyfile serve HTTPS, and a reload takes the certificate that is there by then',
  {
    skip: noOpenssl,
  },
  async (t) => {
    const folder = t.testdir({ 'app.mjs': APP });
    const { certificate, key } = makeCertificate(folder);
    const args = ['-b', '127.0.0.1:0', '--certfile', certificate, '--keyfile', key, '--reload-watch', '100ms'];
    const served = run(t, ['serve', './app.mjs', ...args], {}, folder);
    const { port } = new URL(await addressOf(served));
    const ask = async (): Promise<{ body: string; fingerprint: string }> => {
      const options = { host: '127.0.0.1', port, agent: false, rejectUnauthorized: false } as const;
      const [reply] = (await once(https.get(options), 'response')) as [http.IncomingMessage];
      const { fingerprint256 } = (reply.socket as import('node:tls').TLSSocket).getPeerCertificate();
      return { body: await text(reply), fingerprint: fingerprint256 };
    };
    const first = await ask();
    t.equal(first.body, 'https 127.0.0.1');
    makeCertificate(folder);
    served.child.kill('SIGHUP');
    await served.until(({ msg }) => msg === 'reloaded');
    t.not((await ask()).fingerprint, first.fingerprint);
  },
);

t.test('--proxy-protocol tells the client that a balancer stands for', async (t) => {
  const folder = t.testdir({ 'app.mjs': APP });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--proxy-protocol'], {}, folder);
  const { port } = new URL(await addressOf(served));
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('PROXY TCP4 192.0.2.7 192.0.2.1 5555 80\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.match(await text(socket), /http 192\.0\.2\.7/);
});

t.test('--keep-alive-requests ends a connection after that many answers', async (t) => {
  const folder = t.testdir({ 'app.mjs': APP });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--keep-alive-requests', '2'], {}, folder);
  const url = await addressOf(served);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const replies = [];
  for (let i = 0; i < 4; i++) replies.push((await request(url, { agent })).headers.connection);
  t.strictSame(replies, ['keep-alive', 'close', 'keep-alive', 'close']);
});

t.test('WINCH drains the workers and keeps the socket; who comes then is served after a reload', async (t) => {
  const folder = t.testdir({ 'app.mjs': APP });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--reload-watch', '100ms'], {}, folder);
  const url = await addressOf(served);
  served.child.kill('SIGWINCH');
  await served.until(({ msg }) => msg === 'worker 1 has left: wound down');
  const waiting = request(url);
  served.child.kill('SIGHUP');
  await served.until(({ msg }) => msg === 'reloaded');
  t.equal((await waiting).status, 200);
});

t.test('stacks in the log name the source that an application was compiled from', async (t) => {
  // Every line of it is line 11 of the source.
  const map = JSON.stringify({ version: 3, sources: ['app.ts'], names: [], mappings: 'AAUA' });
  const comment = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  const folder = t.testdir({});
  writeFileSync(join(folder, 'app.mjs'), `${APP.replaceAll('\n', ' ')}\n${comment}\n`);
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0'], {}, folder);
  t.equal((await request(`${await addressOf(served)}/throw`)).status, 500);
  const { err } = await served.until(({ level }) => level === 50);
  t.match((err as { stack: string }).stack, /app\.ts:11/);
});
