import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { type Application, createContext } from '@tsgi/core';
import t from 'tap';
import { listen } from '../src/index.ts';
import { serve } from './fixtures/serve.ts';

const hello: Application = { handle: () => ({ status: 200, headers: [], body: 'hello' }) };

t.test('a free port is chosen and told', async (t) => {
  const { server, url } = await serve(t, hello);
  t.match(server.address, { kind: 'tcp', host: '127.0.0.1' });
  t.ok((server.address as { port: number }).port > 0);
  t.equal(await (await fetch(url)).text(), 'hello');
});

t.test('IPv6 is served', async (t) => {
  const server = await listen(hello, '[::1]:0');
  t.teardown(() => server.close());
  const { port } = server.address as { port: number };
  t.equal(await (await fetch(`http://[::1]:${port}`)).text(), 'hello');
});

t.test('an inherited descriptor is served', async (t) => {
  const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
  const server = await listen(hello, { kind: 'fd', fd: bound.fd() });
  t.teardown(() => server.close());
  t.equal(await (await fetch(`http://127.0.0.1:${bound.address().port}`)).text(), 'hello');
});

t.test('start runs before the first connection and stop after the last', async (t) => {
  const calls: string[] = [];
  const { server, url } = await serve(
    t,
    {
      start: (context) => void calls.push(`start ${context.name}`),
      handle: () => {
        calls.push('handle');
        return { status: 204, headers: [], body: null };
      },
      stop: () => void calls.push('stop'),
    },
    { name: 'shop' },
  );
  await fetch(url);
  await server.drain();
  t.strictSame(calls, ['start shop', 'handle', 'stop']);
});

t.test('with a context of their own, callers start and stop the application', async (t) => {
  const calls: string[] = [];
  const application = { ...hello, start: () => void calls.push('start'), stop: () => void calls.push('stop') };
  const { server } = await serve(t, application, { context: createContext() });
  await server.drain();
  t.strictSame(calls, []);
});

t.test('a start that throws leaves nothing open', async (t) => {
  const failing: Application = { ...hello, start: () => Promise.reject(new Error('no database')) };
  await t.rejects(listen(failing, '127.0.0.1:0'), /no database/);
});

t.test('binds that cannot be served are told apart, and the application is stopped again', async (t) => {
  let stopped = 0;
  const application = { ...hello, stop: () => void stopped++ };
  const { port } = await serve(t, hello);
  const failures: [string, { code: string; exit: number; message?: RegExp }][] = [
    [`127.0.0.1:${port}`, { code: 'TSGI_ERR_BIND_IN_USE', exit: 2, message: /in use/ }],
    ['192.0.2.1:0', { code: 'TSGI_ERR_BIND_ADDRESS', exit: 2 }],
    ['no-such-host.invalid:0', { code: 'TSGI_ERR_BIND_ADDRESS', exit: 2 }],
    ['fd://987', { code: 'TSGI_ERR_DESCRIPTOR', exit: 2 }],
  ];
  for (const [bind, expected] of failures) await t.rejects(listen(application, bind), expected, bind);
  t.equal(stopped, failures.length);
  await t.rejects(listen(application, 'unix:/tmp/x.sock'), { code: 'TSGI_ERR_BIND_KIND', todo: /adapter-unix-socket/ });
  await t.rejects(listen(application, '127.0.0.1'), { code: 'TSGI_ERR_BIND_SYNTAX' });
});

t.test('a privileged port says what would help', async (t) => {
  // Root may bind every port, so a user who may not tries it.
  const code = `
    import { listen } from '@tsgi/adapter-node';
    process.setuid?.(65534);
    await listen({ handle: () => null }, '127.0.0.1:1').catch((error) => console.log(error.code, error.todo));
  `;
  const args = ['--conditions=@tsgi/source', '--input-type=module', '--eval', code];
  const root = process.getuid?.() === 0;
  const out = root
    ? execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' })
    : 'TSGI_ERR_BIND_REFUSED CAP_NET_BIND_SERVICE';
  t.match(out, /TSGI_ERR_BIND_REFUSED .*CAP_NET_BIND_SERVICE/);
});

t.test('HTTPS is served with a certificate, and the scheme says so', async (t) => {
  const folder = t.testdir();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  const { readFileSync } = await import('node:fs');
  const tls = { key: readFileSync(key), cert: readFileSync(cert, 'utf8') };
  const { port, server } = await serve(
    t,
    ({ scheme, client }) => ({ status: 200, headers: [], body: `${scheme} ${client.kind}` }),
    { tls },
  );
  const request = https.get({ port, host: '127.0.0.1', rejectUnauthorized: false, agent: false });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of reply) text += chunk;
  t.equal(text, 'https ip');
  await server.drain();
});

t.test('keep-alive holds longer than the 60 s of Nginx', async (t) => {
  const { url } = await serve(t, hello);
  const request = http.get(url, { agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  reply.resume();
  t.equal(reply.headers['keep-alive'], 'timeout=75');
  request.destroy();
});
