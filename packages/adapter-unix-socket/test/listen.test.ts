// Serving at a path: what is there while a server listens, and what is left when it has gone.

import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { listen } from '@tsgi/adapter-unix-socket';
import type { Application } from '@tsgi/core';
import t from 'tap';
import { get, serveCommand, start } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

const root = process.geteuid?.() === 0;
const hello: Application = { handle: () => ({ status: 200, headers: [], body: 'hello' }) };

t.test('an application answers at the path, for its owner and its group', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const listening = await listen(hello, `unix:${path}`);
  t.strictSame(listening.address, { kind: 'unix', path });
  t.equal(statSync(path).mode & 0o7777, 0o660);
  t.equal(await get(path), 'hello');
  t.match(listening.stats(), { requests: 1, responses: [0, 0, 1, 0, 0, 0] });
  await listening.drain();
  t.strictSame(readdirSync(folder), []);
});

t.test('mode and owner are those asked for, whatever the umask', { skip: !root && 'takes root' }, async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const umask = process.umask(0o077);
  const bind = { kind: 'unix', path } as const;
  const listening = await listen(hello, bind, { mode: 0o606, owner: { uid: 1234, gid: 2345 } });
  process.umask(umask);
  t.match(statSync(path), { uid: 1234, gid: 2345 });
  t.equal(statSync(path).mode & 0o7777, 0o606);
  await listening.close();
});

t.test(
  "a folder with a setgid bit gives the socket its group, which can be the proxy's",
  { skip: !root && 'takes root' },
  async (t) => {
    const folder = temporaryFolder(t);
    chownSync(folder, 0, 2345);
    chmodSync(folder, 0o2750);
    const listening = await listen(hello, `unix:${folder}/app.sock`);
    t.equal(statSync(`${folder}/app.sock`).gid, 2345);
    await listening.close();
  },
);

t.test('a drain answers those who are queued already', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const listening = await listen(hello, `unix:${path}`);
  const answers = Array.from({ length: 100 }, () => get(path));
  // The clients above connect at the end of this turn, before the listener goes.
  await new Promise((resolve) => setImmediate(resolve));
  await listening.drain();
  t.strictSame(new Set(await Promise.all(answers)), new Set(['hello']));
  t.notOk(existsSync(path));
});

t.test('a drain with a delay keeps the file while the load balancer has not noticed', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  let draining = (): void => {};
  const began = new Promise<void>((resolve) => {
    draining = resolve;
  });
  const application: Application = {
    ...hello,
    start: (context) => context.draining.addEventListener('abort', () => draining()),
  };
  const listening = await listen(application, `unix:${path}`);
  const drained = listening.drain({ delay: 300 });
  await began;
  t.equal(await get(path), 'hello');
  await drained;
  t.notOk(existsSync(path));
});

t.test('drain and close may both be called, and more than once', async (t) => {
  const folder = temporaryFolder(t);
  const listening = await listen(hello, `unix:${folder}/app.sock`);
  await Promise.all([listening.drain(), listening.drain(), listening.close()]);
  await listening.close();
  t.strictSame(readdirSync(folder), []);
});

t.test('what is at the path at the end and is not ours is left there', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const listening = await listen(hello, `unix:${path}`);
  renameSync(path, `${path}.away`);
  writeFileSync(path, 'somebody');
  await listening.drain();
  t.equal(readFileSync(path, 'utf8'), 'somebody');
});

t.test('a server that is killed leaves a stale file, and the next one replaces it', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const { child } = await start(t, serveCommand(`unix:${path}`));
  t.equal(await get(path), String(child.pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.ok(existsSync(path));
  await t.rejects(get(path), { code: 'ECONNREFUSED' });
  const listening = await listen(hello, `unix:${path}`);
  t.equal(await get(path), 'hello');
  await listening.close();
  t.strictSame(readdirSync(folder), []);
});

t.test('a process that ends by itself takes its file along', async (t) => {
  const folder = temporaryFolder(t);
  const { child } = await start(t, serveCommand(`unix:${folder}/app.sock`));
  const ended = once(child, 'exit');
  await t.rejects(get(`${folder}/app.sock`, '/exit'));
  await ended;
  t.strictSame(readdirSync(folder), []);
});

t.test('an application that cannot start leaves nothing', async (t) => {
  const folder = temporaryFolder(t);
  const application: Application = {
    ...hello,
    start() {
      throw new Error('no database');
    },
  };
  await t.rejects(listen(application, `unix:${folder}/app.sock`), { message: 'no database' });
  t.strictSame(readdirSync(folder), []);
});

t.test('a path that is lost while the application starts is refused, and the application stopped', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const other = createServer((socket) => socket.destroy());
  t.teardown(() => other.close());
  let stopped = 0;
  const application: Application = {
    ...hello,
    async start() {
      other.listen(path);
      await once(other, 'listening');
    },
    stop() {
      stopped++;
    },
  };
  await t.rejects(listen(application, `unix:${path}`), { code: 'TSGI_ERR_SOCKET_OCCUPIED' });
  t.equal(stopped, 1);
  t.strictSame(readdirSync(folder), ['app.sock'], 'no temporary file');
  t.equal(other.listening, true);
});

t.test('descriptors are not leaked, by serving or by refusals', async (t) => {
  const folder = temporaryFolder(t);
  const open = (): number => readdirSync('/proc/self/fd').length;
  const once = async (): Promise<void> => {
    const listening = await listen(hello, `unix:${folder}/app.sock`);
    await t.rejects(listen(hello, `unix:${folder}/app.sock`), { code: 'TSGI_ERR_SOCKET_OCCUPIED' });
    await listening.close();
  };
  await once();
  const before = open();
  for (let i = 0; i < 20; i++) await once();
  t.equal(open(), before);
});
