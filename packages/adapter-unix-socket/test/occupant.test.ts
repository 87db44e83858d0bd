// What a look at a path finds, each made for real.

import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import t from 'tap';
import { bindPath } from '../src/bound-socket.ts';
import { identify, isSame, lookUp } from '../src/occupant.ts';
import { temporaryFolder } from './temporary-folder.ts';

t.test('nothing', async (t) => {
  t.strictSame(await lookUp(`${temporaryFolder(t)}/app.sock`), { kind: 'nothing' });
});

t.test('a program that listens', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const server = createServer().listen(path);
  await once(server, 'listening');
  t.match(await lookUp(path), { kind: 'alive', what: 'a program that listens there' });
  server.close();
});

t.test('a socket whose program is gone', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  // Bound and never listened on: to whoever connects, the same as one left behind.
  const bound = bindPath(path);
  const found = await lookUp(path);
  t.equal(found.kind, 'stale');
  t.ok('id' in found && isSame(identify(path), found.id));
  bound.close();
  t.notOk('id' in found && isSame(identify(path), found.id));
});

t.test('a program too busy to accept', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const server = createServer().listen({ path, backlog: 1 });
  await once(server, 'listening');
  // Nothing is accepted before this test next waits for the loop's poll, so the backlog fills up.
  const clients = [connect(path), connect(path), connect(path)];
  for (const client of clients) client.on('error', () => {});
  t.match(await lookUp(path), { kind: 'alive', what: 'a socket (EAGAIN)' });
  for (const client of clients) client.destroy();
  server.close();
});

t.test('files that are no sockets', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(`${folder}/file`, '');
  mkdirSync(`${folder}/folder`);
  symlinkSync('/nowhere', `${folder}/link`);
  t.strictSame(await lookUp(`${folder}/file`), { kind: 'foreign', what: 'a regular file' });
  t.strictSame(await lookUp(`${folder}/folder`), { kind: 'foreign', what: 'a folder' });
  t.strictSame(await lookUp(`${folder}/link`), { kind: 'foreign', what: 'a symbolic link' });
  t.strictSame(await lookUp('/dev/null'), { kind: 'foreign', what: 'a device' });
});
