// A socket's file without a server behind it: where it is made, how it gets to its path, when it is removed.

import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { bindPath } from '../src/bound-socket.ts';
import { SocketFile } from '../src/socket-file.ts';
import { temporaryFolder } from './temporary-folder.ts';

t.test('mode and owner are set before the file comes to its path', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const owner = process.geteuid?.() === 0 ? { uid: 1234, gid: 2345 } : undefined;
  const file = new SocketFile(path, 0o604, owner);
  const [temporary, ...more] = readdirSync(path.slice(0, -'/app.sock'.length));
  t.match(temporary, /^\.app\.sock\.[0-9a-f]{6}$/, 'the temporary name says whose it is');
  t.strictSame(more, []);
  const server = await serve(t, file);
  await file.publish(false);
  const stats = statSync(path);
  t.equal(stats.mode & 0o7777, 0o604);
  if (owner) t.match(stats, owner);
  t.strictSame(readdirSync(path.slice(0, -'/app.sock'.length)), ['app.sock'], 'the temporary name is gone');
  await file.remove();
  server.close();
});

t.test('a file that is given up leaves nothing', async (t) => {
  const folder = temporaryFolder(t);
  new SocketFile(`${folder}/app.sock`, 0o660, undefined).discard();
  t.strictSame(readdirSync(folder), []);
});

t.test('an owner that cannot be set leaves nothing', async (t) => {
  const folder = temporaryFolder(t);
  const owner = process.geteuid?.() === 0 ? { uid: -2, gid: -2 } : { uid: 0, gid: 0 };
  t.throws(() => new SocketFile(`${folder}/app.sock`, 0o660, owner));
  t.strictSame(readdirSync(folder), []);
});

t.test('paths up to the limit of the system have room for a temporary name', async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['a', 'ab', 'app.sock']) {
    const deep = `${folder}/${'d'.repeat(107 - folder.length - 2 - name.length)}`;
    const { mkdirSync } = await import('node:fs');
    mkdirSync(deep);
    const path = `${deep}/${name}`;
    t.equal(path.length, 107);
    const file = new SocketFile(path, 0o660, undefined);
    t.not(readdirSync(deep)[0], name, 'not at the path itself');
    const server = await serve(t, file);
    await file.publish(false);
    t.strictSame(readdirSync(deep), [name]);
    await file.remove();
    server.close();
  }
});

t.test('of many that start at one moment, where nothing or a stale socket is, one gets the path', async (t) => {
  for (const stale of [false, true]) {
    const folder = temporaryFolder(t);
    const path = `${folder}/app.sock`;
    if (stale) leaveStale(path);
    const files = Array.from({ length: 8 }, () => new SocketFile(path, 0o660, undefined));
    const servers = await Promise.all(files.map((file) => serve(t, file)));
    const results = await Promise.allSettled(files.map((file) => file.publish(false)));
    t.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') t.match(result.reason, { code: 'TSGI_ERR_SOCKET_OCCUPIED' });
    }
    for (const file of files) file.discard();
    t.strictSame(readdirSync(folder), ['app.sock']);
    for (const server of servers) server.close();
  }
});

t.test('only the own file is removed', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const file = new SocketFile(path, 0o660, undefined);
  const server = await serve(t, file);
  await file.publish(false);

  renameSync(path, `${path}.away`);
  writeFileSync(path, "somebody else's");
  await file.remove();
  file.removeAtExit();
  t.equal(readFileSync(path, 'utf8'), "somebody else's");

  renameSync(`${path}.away`, path);
  file.removeAtExit();
  t.strictSame(readdirSync(folder), []);
  await file.remove();
  server.close();
});

async function serve(t: Test, file: SocketFile): Promise<Server> {
  const server = createServer((socket) => socket.end());
  server.listen(file.bound);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

/** What a process that was killed leaves: a socket's file that nobody listens at. */
function leaveStale(path: string): void {
  // Closing a bound socket removes the name that it was bound to; the renamed file stays.
  const bound = bindPath(`${path}.bound`);
  renameSync(`${path}.bound`, path);
  bound.close();
}
