// What an operator relies on around the serving: the pid file, whom workers run as, hooks, settings that need a restart.

import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { addressOf, run } from './fixtures/served.ts';

const APP = `export const app = {
  handle: (request) => {
    if (request.target === '/exit') process.exit(7);
    if (request.target === '/reject') Promise.reject(new Error('nobody caught this'));
    const who = { uid: process.getuid(), gid: process.getgid(), umask: process.umask(), home: process.env.HOME };
    return { status: 200, headers: [], body: JSON.stringify(who) };
  },
};`;

function folderOf(t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-operation-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test('a pid file names the arbiter, keeps a second one away, and goes with the first', async (t) => {
  const folder = folderOf(t, { 'app.mjs': APP });
  const pidfile = join(folder, 'app.pid');
  const args = ['serve', './app.mjs', '--bind', '127.0.0.1:0', '--pidfile', pidfile];
  const served = run(t, args, {}, folder);
  await addressOf(served);
  t.equal(readFileSync(pidfile, 'utf8'), `${served.child.pid}\n`);
  const second = run(t, args, {}, folder);
  t.equal(await second.exited, 2);
  t.match(
    second.errors(),
    new RegExp(`^tsgi: the pid file .* is held by process ${served.child.pid}, which runs; .*\n$`),
  );
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  t.notOk(existsSync(pidfile));

  // What a machine that lost its power leaves behind.
  writeFileSync(pidfile, '999999999\n');
  const third = run(t, args, {}, folder);
  await addressOf(third);
  t.equal(readFileSync(pidfile, 'utf8'), `${third.child.pid}\n`);

  const nowhere = run(t, [...args.slice(0, -1), join(folder, 'none/app.pid')], {}, folder);
  t.equal(await nowhere.exited, 2);
  t.match(nowhere.errors(), /^tsgi: the pid file .* cannot be written: .*\n$/);
});

const onlyRoot = process.getuid?.() === 0 ? false : 'only root can start processes of others';
test('workers run as the user that they are told to, and the arbiter stays', { skip: onlyRoot }, async (t) => {
  const folder = folderOf(t, { 'app.mjs': APP });
  chownSync(folder, 65534, 65534);
  const socket = join(folder, 'app.sock');
  const log = join(folder, 'server.log');
  const access = join(folder, 'access.log');
  const args = ['serve', './app.mjs', '-b', '127.0.0.1:0', '-b', `unix:${socket}`, '--user', '65534', '--umask', '027'];
  args.push('--access-logfile', access);
  const served = run(t, args, {}, folder);
  const who = await (await fetch(await addressOf(served))).json();
  t.match(who, { uid: 65534, umask: 0o027 });
  t.equal(statSync(socket).uid, 65534, 'and own the socket');
  t.equal(statSync(access).uid, 65534, 'and their log');
  const logging = run(
    t,
    [...args.slice(0, 4), '--user', '65534', '--log-file', log, '--pidfile', join(folder, 'pid')],
    {},
    folder,
  );
  while (!existsSync(log) || !readFileSync(log, 'utf8').includes('serving ')) await new Promise(setImmediate);
  renameSync(log, `${log}.1`);
  logging.child.kill('SIGUSR1');
  while (!existsSync(log) || statSync(log).uid !== 65534) await new Promise(setImmediate);
  t.pass('also the one that follows a rotation');

  const planted = join(folder, 'planted.log');
  symlinkSync(join(folder, 'of-root'), planted);
  lchownSync(planted, 65534, 65534);
  const led = run(t, [...args.slice(0, 4), '--user', '65534', '--log-file', planted], {}, folder);
  t.equal(await led.exited, 2, 'no link of theirs is followed by root');
  t.match(led.errors(), /^tsgi: the log file .*planted.log cannot be made: ELOOP.*\n$/);
  t.notOk(existsSync(join(folder, 'of-root')));

  const named = run(t, ['serve', './app.mjs', '--bind', '127.0.0.1:0', '--group', 'daemon'], {}, folder);
  t.match(await (await fetch(await addressOf(named))).json(), { uid: 0, gid: 1 });

  const nobody = run(t, ['serve', './app.mjs', '--user', 'who-is-this'], {}, folder);
  t.equal(await nobody.exited, 2);
  t.equal(
    nobody.errors(),
    'tsgi: --user: there is no user who-is-this; name one of getent passwd, or write a number\n',
  );
});

test('hooks of the configuration file are told what happens, and their errors change nothing', async (t) => {
  const config = (generation: number) => `
    import { appendFileSync } from 'node:fs';
    const note = (what) => appendFileSync('notes', what + '\\n');
    export default {
      app: './app.mjs', bind: '127.0.0.1:0', reloadWatch: '50ms',
      onReady: ({ workers }) => note('ready ' + workers.length),
      onReload: ({ ok }) => note('reload ${generation} ' + ok),
      onWorkerStart: ({ worker, generation }) => note('start ' + worker + ' of ' + generation),
      onWorkerExit: ({ worker, reason }) => { note('exit ' + worker + ' ' + reason); throw new Error('in a hook'); },
    };`;
  const folder = folderOf(t, { 'app.mjs': APP, 'tsgi.config.mjs': config(1), notes: '' });
  const served = run(t, ['serve'], {}, folder);
  await addressOf(served);
  writeFileSync(
    join(folder, 'tsgi.config.mjs'),
    config(2).replace("app: './app.mjs'", "app: './app.mjs', name: 'other'"),
  );
  served.child.kill('SIGHUP');
  await served.until(({ msg }) => msg === 'reloaded');
  t.ok(served.lines.some(({ msg }) => msg === 'a restart is needed to change name'));
  await served.until(({ msg }) => msg === 'a hook of the configuration file failed: worker-exit');
  t.strictSame(readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n').sort(), [
    'exit 1 reloaded',
    'ready 1',
    'reload 2 true',
    'start 1 of 1',
    'start 1 of 2',
  ]);
  writeFileSync(join(folder, 'tsgi.config.mjs'), "export default { onReady: 'soon' }");
  served.child.kill('SIGHUP');
  const failed = await served.until(({ msg }) => msg.startsWith('reload failed'));
  t.match(failed.msg, /generation 2 serves on: onReady in .* is "soon"/);
});

test('compiled code is kept where no other user can change it, or nowhere', async (t) => {
  const folder = folderOf(t, { 'app.mjs': APP });
  const cache = join(folder, `tsgi-cache-${process.geteuid?.()}`);
  const env = { TMPDIR: folder, NODE_COMPILE_CACHE: '' };
  for (const mode of [0o700, 0o777]) {
    if (mode === 0o777) {
      rmSync(cache, { recursive: true });
      mkdirSync(cache);
      chmodSync(cache, mode);
    }
    const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0'], env, folder);
    t.equal((await fetch(await addressOf(served))).status, 200);
    served.child.kill('SIGTERM');
    t.equal(await served.exited, 0);
    t.equal(statSync(cache).mode & 0o777, mode);
    t.equal(readdirSync(cache).length > 0, mode === 0o700);
  }
  t.notOk(existsSync(join(folder, 'node-compile-cache')));
});

test('what an application sends to its parent process changes nothing', async (t) => {
  const send = "for (const message of ['ready', null, { type: 'beat' }, { type: 'ready' }]) process.send(message);";
  const folder = folderOf(t, { 'app.mjs': `${send}\n${APP}` });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--max-lifetime', '300ms'], {}, folder);
  await served.until(({ msg }) => msg.startsWith('worker 1 has left: recycled'));
  t.equal((await fetch(await addressOf(served))).status, 200);
});

test('a worker whose arbiter is gone leaves, also where its application never comes to a stop', async (t) => {
  const stuck = `setInterval(() => {}, 1000);
    export const app = { handle: () => ({ status: 200, headers: [], body: '' }), stop: () => new Promise(() => {}) };`;
  const folder = folderOf(t, { 'app.mjs': stuck });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '--graceful-timeout', '0'], {}, folder);
  await addressOf(served);
  served.child.kill('SIGKILL');
  // Ends with the last process that has its output open, which is the worker.
  t.equal(await served.exited, null);
});

test('a server that is told to stop ends, whatever its configuration file has left open', async (t) => {
  const config = 'export default { onReady() { setInterval(() => {}, 1000); } };';
  const folder = folderOf(t, { 'app.mjs': APP, 'tsgi.config.mjs': config });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0'], {}, folder);
  await addressOf(served);
  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
});

test('a worker that ends by its own fault is named with the cause', async (t) => {
  const folder = folderOf(t, { 'app.mjs': APP });
  const served = run(t, ['serve', './app.mjs', '--bind', '127.0.0.1:0'], {}, folder);
  const url = await addressOf(served);
  await t.rejects(fetch(`${url}/exit`));
  await served.until(({ msg }) => msg === 'worker 1 exited with status 7: process.exit() was called');
  await fetch(`${url}/reject`);
  const { err } = await served.until(({ msg }) => msg === 'worker 1 ends: unhandled rejection');
  t.match(err, { message: 'nobody caught this', stack: /app\.mjs:4/ });
  await served.until(({ msg }) => msg === 'worker 1 exited with status 1: unhandled rejection: nobody caught this');
  t.equal((await fetch(url)).status, 200);
});
