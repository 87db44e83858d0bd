// A path that goes from one live server to the next while clients come in.

import { lstatSync, readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { listen } from '@tsgi/adapter-unix-socket';
import type { Application } from '@tsgi/core';
import t from 'tap';
import { get, serveCommand, start } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

function named(name: string): Application {
  return { handle: () => ({ status: 200, headers: [], body: name }) };
}

t.test('twenty times under load, no client and no look at the path notices anything', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const options = { mode: 0o640, takeOver: true };
  let current = await listen(named('0'), `unix:${path}`, options);

  let running = true;
  let answers = 0;
  const failures: unknown[] = [];
  const agent = new Agent({ keepAlive: true });
  const client = async (connections: Agent | false): Promise<void> => {
    while (running) {
      try {
        await get(path, '/', connections);
        answers++;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const modes = new Set<string>();
  const watcher = async (): Promise<void> => {
    while (running) {
      try {
        modes.add((lstatSync(path).mode & 0o7777).toString(8));
      } catch (error) {
        failures.push(error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const all = [client(false), client(false), client(false), client(agent), client(agent), watcher()];

  const drains: Promise<void>[] = [];
  for (let i = 1; i <= 20; i++) {
    const next: typeof current = await listen(named(String(i)), `unix:${path}`, options);
    drains.push(current.drain());
    current = next;
    const before = answers;
    while (answers < before + 20) await new Promise((resolve) => setImmediate(resolve));
  }
  running = false;
  await Promise.all([...all, ...drains]);
  agent.destroy();

  t.strictSame(failures, []);
  t.strictSame(modes, new Set(['640']));
  t.ok(answers >= 400);
  t.equal(await get(path), '20');
  await current.drain();
  t.strictSame(readdirSync(folder), []);
});

t.test('from another process, which goes on with what it has and removes nothing', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const { child } = await start(t, serveCommand(`unix:${path}`));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.equal(await get(path, '/', agent), String(child.pid));

  const listening = await listen(named('next'), `unix:${path}`, { takeOver: true });
  t.equal(await get(path), 'next');
  t.equal(await get(path, '/', agent), String(child.pid), 'an open connection stays where it is');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await get(path, '/', agent);
  await ended;
  t.equal(await get(path), 'next');
  agent.destroy();
  await listening.close();
});

t.test('refused where it was not asked for, again and again, and the owner is unharmed', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const owner = await listen(named('owner'), `unix:${path}`);
  const { ino } = lstatSync(path);
  for (let i = 0; i < 20; i++) {
    const [refusal, answer] = await Promise.all([
      listen(named('other'), `unix:${path}`).then(
        () => 'served',
        (error: { code: string }) => error.code,
      ),
      get(path),
    ]);
    t.equal(refusal, 'TSGI_ERR_SOCKET_OCCUPIED');
    t.equal(answer, 'owner');
  }
  t.equal(lstatSync(path).ino, ino);
  await owner.close();
  t.strictSame(readdirSync(folder), []);
});

t.test('by several at one moment, and the last of them has it', async (t) => {
  const folder = temporaryFolder(t);
  const path = `${folder}/app.sock`;
  const names = ['a', 'b', 'c', 'd', 'e'];
  const servers = await Promise.all(names.map((name) => listen(named(name), `unix:${path}`, { takeOver: true })));
  t.ok(names.includes(await get(path)));
  t.strictSame(readdirSync(folder), ['app.sock']);
  await Promise.all(servers.map((server) => server.drain()));
  t.strictSame(readdirSync(folder), []);
});
