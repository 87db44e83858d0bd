// Where the control socket is, who may have it, and what a server does where it cannot.

import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { tsgi } from './fixtures/command.ts';
import { controlPath, placeFor } from './fixtures/place.ts';
import { addressOf } from './fixtures/served.ts';

test('a server is found by its name, its folder, its configuration file, or its path', async (t) => {
  const place = placeFor(t, { 'tsgi.config.mjs': "export default { name: 'a shop/1' }" });
  const served = place.serve('--control-socket', 'auto');
  await addressOf(served);
  t.match((await place.tsgi('status')).stdout, /^a shop\/1: serving/);
  t.equal((await place.tsgi('status', '--name', 'other')).status, 4);
  const elsewhere = placeFor(t, {}, { TMPDIR: place.temporary });
  t.equal((await elsewhere.tsgi('status')).status, 4);
  t.equal((await elsewhere.tsgi('status', '--chdir', place.folder)).status, 0);
  const path = await controlPath(served);
  t.equal((await elsewhere.tsgi('status', '--control-socket', path)).status, 0);

  // What is broken keeps nobody from the server that runs.
  place.write('tsgi.config.mjs', 'export default {');
  t.equal((await place.tsgi('status')).status, 2);
  t.equal((await place.tsgi('status', '--control-socket', path)).status, 0);
});

test('the runtime folder of a service or of a session is taken where there is one', async (t) => {
  const place = placeFor(t);
  const runtime = join(place.folder, 'run');
  mkdirSync(runtime);
  const service = placeFor(t, {}, { RUNTIME_DIRECTORY: `${runtime}:/other` });
  const served = service.serve();
  t.equal(await controlPath(served), join(runtime, 'control.sock'));
  t.equal((await service.tsgi('status')).status, 0);

  const session = placeFor(t, {}, { XDG_RUNTIME_DIR: runtime });
  const inSession = session.serve();
  t.equal(join(await controlPath(inSession), '..'), join(runtime, 'tsgi'));
  await addressOf(inSession);
  t.equal((await session.tsgi('status')).status, 0);

  // Started without a session, such as by cron, and asked from within one.
  const other = placeFor(t);
  await addressOf(other.serve());
  const asked = await tsgi(t, ['status'], {
    cwd: other.folder,
    env: { TSGI_CONTROL_SOCKET: 'auto', TMPDIR: other.temporary, XDG_RUNTIME_DIR: runtime },
  });
  t.equal(asked.status, 0, asked.stderr);
});

test('a control socket that another server has: refused where it was named, done without where it was not', async (t) => {
  const place = placeFor(t);
  const path = join(place.folder, 'c.sock');
  const first = place.serve('--control-socket', path);
  await addressOf(first);
  const second = place.serve('--control-socket', path, '--pidfile', 'second.pid');
  t.equal(await second.exited, 2);
  t.match(
    second.errors(),
    new RegExp(
      `^tsgi: the control socket ${path} is held by the server tsgi, process ${first.child.pid}; stop that one, .*\n$`,
    ),
  );
  t.notOk(
    second.lines.some(({ msg }) => msg.includes('starts')),
    'no worker was started',
  );
  t.notOk(existsSync(join(place.folder, 'second.pid')));
  t.equal((await place.tsgi('status', '--control-socket', path)).status, 0, 'the first one still answers');

  const third = place.serve();
  await addressOf(third);
  const fourth = place.serve();
  const { msg, level } = await fourth.until(({ msg }) => msg.startsWith('no control socket'));
  t.match(msg, new RegExp(`is held by the server tsgi, process ${third.child.pid}; stop that one`));
  t.equal(level, 40);
  await addressOf(fourth);
  fourth.child.kill('SIGTERM');
  t.equal(await fourth.exited, 0);
  t.match(
    (await place.tsgi('status')).stdout,
    new RegExp(`process ${third.child.pid},`),
    'and leaves that of the other',
  );
});

test('what a killed server left behind is replaced', async (t) => {
  const place = placeFor(t);
  const killed = place.serve();
  await addressOf(killed);
  const path = await controlPath(killed);
  killed.child.kill('SIGKILL');
  await killed.exited;
  t.ok(existsSync(path));
  t.equal((await place.tsgi('status')).status, 4);
  const served = place.serve();
  await addressOf(served);
  t.equal(await controlPath(served), path);
  t.match((await place.tsgi('status')).stdout, new RegExp(`process ${served.child.pid},`));
});

test('what somebody else has put at the place of a control socket is left alone, and refused', async (t) => {
  const place = placeFor(t, { 'c.sock': 'not a socket' });
  const named = place.serve('--control-socket', join(place.folder, 'c.sock'));
  t.equal(await named.exited, 2);
  t.match(named.errors(), /^tsgi: the socket path .*c\.sock" is taken by a regular file; .*\n$/);
  t.equal(readFileSync(join(place.folder, 'c.sock'), 'utf8'), 'not a socket');

  const folder = join(place.temporary, `tsgi-${process.geteuid?.()}`);
  const wrong: [() => void, RegExp][] = [
    [() => symlinkSync(place.folder, folder), /is a symbolic link; remove it/],
    [() => writeFileSync(folder, ''), /is no folder; remove it/],
    [
      () => chmodSync(mkdirSync(folder, { recursive: true }) as string, 0o755),
      /is open to others \(mode 755\); close it: chmod 700/,
    ],
  ];
  if (process.geteuid?.() === 0) {
    const made = (): string => mkdirSync(folder, { recursive: true, mode: 0o700 }) as string;
    wrong.push([() => chownSync(made(), 65534, 65534), /belongs to user 65534; /]);
  }
  for (const [make, message] of wrong) {
    make();
    const served = place.serve();
    t.equal(await served.exited, 2, String(message));
    t.match(served.errors(), /^tsgi: the folder for control sockets, .*, or name a path by --control-socket\n$/);
    t.match(served.errors(), message);
    const asked = await place.tsgi('status');
    t.equal(asked.status, 2, 'nor is a server asked there');
    t.match(asked.stderr, message);
    rmSync(folder, { recursive: true });
  }
});

test('where no folder can be had, a server goes on without a control socket that nobody asked for', async (t) => {
  const place = placeFor(t, {}, { TMPDIR: '/dev/null' });
  const served = place.serve();
  t.match((await served.until(({ msg }) => msg.startsWith('no control socket'))).msg, /ENOTDIR/);
  await addressOf(served);
});
