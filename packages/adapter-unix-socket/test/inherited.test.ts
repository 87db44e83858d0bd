// Sockets that were open before the process began: a number on the command line, or systemd's variables.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, renameSync } from 'node:fs';
import type { BoundSocket } from 'node:net';
import { listen } from '@tsgi/adapter-unix-socket';
import type { Application } from '@tsgi/core';
import t, { type Test } from 'tap';
import { bindPath } from '../src/bound-socket.ts';
import { get, serveCommand, start } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

const hello: Application = { handle: () => ({ status: 200, headers: [], body: 'hello' }) };

/** A socket as systemd opens it, at `path`, and ours until the test ends. */
function open(t: Test, path: string): BoundSocket {
  const bound = bindPath(`${path}.bound`);
  // Closing removes the name that it was bound to, and not this one.
  renameSync(`${path}.bound`, path);
  t.teardown(() => bound.close());
  return bound;
}

/** The command under systemd's variables, which a shell sets because only the process itself knows its id in advance. */
function activated(command: readonly string[], variables: string): string[] {
  return ['sh', '-c', `${variables} exec "$@"`, 'sh', ...command];
}

t.test('a descriptor is served, and its file is left to who made it', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const bound = open(t, path);
  const { child, said } = await start(t, serveCommand('fd://3'), { stdio: ['ignore', 'pipe', 'inherit', bound.fd()] });
  t.strictSame(JSON.parse(said), { kind: 'fd', fd: 3 });
  t.equal(await get(path), String(child.pid));
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  t.strictSame(await ended, [0, null]);
  t.strictSame(readdirSync(folder), ['app.sock']);

  const next = await start(t, serveCommand('fd://3'), { stdio: ['ignore', 'pipe', 'inherit', bound.fd()] });
  t.equal(await get(path), String(next.child.pid), 'and the next process serves the same socket');
});

t.test('a descriptor is served once', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const bound = open(t, path);
  const { child } = await start(t, serveCommand('fd://3'), { stdio: ['ignore', 'pipe', 'inherit', bound.fd()] });
  t.equal(await get(path, '/again'), 'TSGI_ERR_DESCRIPTOR');
  t.equal(await get(path), String(child.pid), 'and the server on it is not harmed');
});

t.test('descriptors that cannot be served', async (t) => {
  const folder = temporaryFolder(t);
  const file = openSync(`${folder}/file`, 'w');
  const run = (descriptor: number | 'pipe' | 'ignore'): string => {
    const [program = '', ...args] = serveCommand('fd://3');
    const { status, stdout, stderr } = spawnSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', descriptor],
    });
    t.equal(stderr, '');
    t.equal(status, 2);
    return stdout;
  };
  t.match(run(file), /^TSGI_ERR_DESCRIPTOR: the descriptor 3 is a regular file, not a socket; give the number/);
  t.match(run('ignore'), /^TSGI_ERR_DESCRIPTOR: the descriptor 3 is a device, not a socket/);
  t.match(run('pipe'), /^TSGI_ERR_DESCRIPTOR: the descriptor 3 is .*socket.* can.* listen/, 'a connected socket');
  closeSync(file);
  await t.rejects(listen(hello, { kind: 'fd', fd: 2 }), { code: 'TSGI_ERR_BIND_SYNTAX' });
  await t.rejects(listen(hello, 'fd://2000'), {
    code: 'TSGI_ERR_DESCRIPTOR',
    message: 'the descriptor 2000 is not open',
  });
});

t.test('the one socket of systemd is served, and no child process takes it for its own', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const bound = open(t, path);
  const command = activated(serveCommand('systemd'), 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=app.socket');
  const { child, said } = await start(t, command, { stdio: ['ignore', 'pipe', 'inherit', bound.fd()] });
  t.strictSame(JSON.parse(said), { kind: 'systemd' });
  t.equal(await get(path), String(child.pid));
  const environment = JSON.parse(await get(path, '/environment')) as Record<string, string>;
  t.strictSame(
    Object.keys(environment).filter((name) => name.startsWith('LISTEN_')),
    [],
  );
  const descriptors = (await get(path, '/child')).split('\n').filter((line) => / [3-9] -> socket/.test(line));
  t.strictSame(descriptors, [], 'a child process has no socket but its standard ones');
});

t.test('of several, the one with the name', async (t) => {
  const folder = temporaryFolder(t);
  const web = open(t, `${folder}/web.sock`);
  const admin = open(t, `${folder}/admin.sock`);
  const variables = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin';
  const stdio = ['ignore', 'pipe', 'inherit', web.fd(), admin.fd()] as const;
  const { child } = await start(t, activated(serveCommand('systemd:admin'), variables), { stdio: [...stdio] });
  t.equal(await get(`${folder}/admin.sock`), String(child.pid));
  await t.rejects(get(`${folder}/web.sock`), { code: 'ECONNREFUSED' });

  const { said } = await start(t, activated(serveCommand('systemd'), variables), { stdio: [...stdio] });
  t.match(said, /^TSGI_ERR_DESCRIPTOR: .* one of 2: web, admin; say which one to serve, such as systemd:web$/);
});

t.test('a wrapper between systemd and the server is found out', async (t) => {
  const bound = open(t, `${temporaryFolder(t)}/app.sock`);
  const command = ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 "$@"; exit', 'sh', ...serveCommand('systemd')];
  const { said } = await start(t, command, { stdio: ['ignore', 'pipe', 'inherit', bound.fd()] });
  t.match(
    said,
    /^TSGI_ERR_DESCRIPTOR: .* is for process "\d+" \(LISTEN_PID\), and this is process \d+; let ExecStart=/,
  );
});

t.test('without systemd there is no socket of it', async (t) => {
  await t.rejects(listen(hello, 'systemd'), { code: 'TSGI_ERR_DESCRIPTOR', message: /LISTEN_FDS is not set/ });
});
