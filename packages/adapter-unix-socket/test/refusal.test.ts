// Binds that are refused: with a code, one line that says what to do, and nothing touched.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { listen, type UnixSocketOptions } from '@tsgi/adapter-unix-socket';
import { type Application, type Bind, TsgiError } from '@tsgi/core';
import t, { type Test } from 'tap';
import { get, refusedForNobody, serveCommand, start } from './client.ts';
import { temporaryFolder } from './temporary-folder.ts';

const asNobody = refusedForNobody();
const skip = !asNobody && 'takes root, and a folder that everybody may read';
const hello: Application = { handle: () => ({ status: 200, headers: [], body: 'hello' }) };

async function refused(
  t: Test,
  bind: string | Bind,
  code: string,
  says: RegExp,
  options?: UnixSocketOptions,
): Promise<void> {
  let error: unknown;
  try {
    const listening = await listen(hello, bind, options);
    await listening.close();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof TsgiError)) {
    t.fail('not refused', { bind, error });
    return;
  }
  const line = `${error.message}; ${error.todo}`;
  t.equal(error.code, code);
  t.match(line, says);
  t.notMatch(line, /\{|\n/, 'one line, with nothing left to fill in');
  t.equal(error.exit, 2);
}

t.test('a path that is too long', async (t) => {
  await refused(t, { kind: 'unix', path: `/tmp/${'a'.repeat(103)}` }, 'TSGI_ERR_SOCKET_PATH_LENGTH', /has 108 bytes/);
  await refused(t, `unix:/tmp/${'é'.repeat(52)}`, 'TSGI_ERR_SOCKET_PATH_LENGTH', /has 109 bytes/);
});

t.test('an abstract socket', async (t) => {
  await refused(t, 'unix:@app', 'TSGI_ERR_SOCKET_ABSTRACT', /no mode or owner/);
  await refused(t, { kind: 'unix', path: '\0app' }, 'TSGI_ERR_SOCKET_ABSTRACT', /no mode or owner/);
});

t.test('a TCP address', async (t) => {
  await refused(t, '127.0.0.1:0', 'TSGI_ERR_BIND_KIND', /@tsgi\/adapter-node/);
});

t.test('a mode that is not one', async (t) => {
  const folder = temporaryFolder(t);
  for (const mode of [660, 0o1777, -1, 6.5, Number.NaN]) {
    await refused(t, `unix:${folder}/app.sock`, 'TSGI_ERR_SOCKET_MODE', /0o660/, { mode });
  }
  t.strictSame(readdirSync(folder), []);
});

t.test('a folder that is missing, or is none, or holds no sockets', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(`${folder}/file`, '');
  const code = 'TSGI_ERR_SOCKET_FOLDER';
  await refused(t, `unix:${folder}/none/app.sock`, code, /does not exist; create it/);
  await refused(t, `unix:${folder}/file/app.sock`, code, /is not a folder/);
  await refused(t, `unix:${folder}/file/more/app.sock`, code, /is not a folder/);
  await refused(t, 'unix:/proc/self/app.sock', code, /choose a path|let this user/);
  t.strictSame(readdirSync(folder), ['file']);
});

t.test('a folder that this user may not write to', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  const said = asNobody?.(`unix:${folder}/app.sock`);
  t.match(
    said,
    /^2 TSGI_ERR_SOCKET_FOLDER: .* is not writable for user 65534; let this user write there: chown 65534 .*\n$/,
  );
  t.strictSame(readdirSync(folder), []);
});

t.test('a folder that this user cannot reach', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o700);
  mkdirSync(`${folder}/inner`);
  const said = asNobody?.(`unix:${folder}/inner/app.sock`);
  t.match(said, /^2 TSGI_ERR_SOCKET_FOLDER: .* cannot be reached by user 65534; let this user enter every folder/);
});

t.test('an owner that this user may not give', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  chownSync(folder, 65534, 65534);
  const said = asNobody?.(`unix:${folder}/app.sock`, { owner: { uid: 0, gid: 0 } });
  t.match(said, /^2 TSGI_ERR_SOCKET_OWNER: .* cannot be given to user 0, group 0 \(EPERM\)/);
  t.strictSame(readdirSync(folder), []);
});

t.test('a path where something else is, with takeOver too', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(`${folder}/file`, 'mine');
  mkdirSync(`${folder}/folder`);
  const listening = await listen(hello, `unix:${folder}/app.sock`);
  symlinkSync(`${folder}/app.sock`, `${folder}/link`);
  symlinkSync(`${folder}/nothing`, `${folder}/dangling`);
  const code = 'TSGI_ERR_SOCKET_OCCUPIED';
  for (const takeOver of [false, true]) {
    await refused(t, `unix:${folder}/file`, code, /taken by a regular file; .* mv /, { takeOver });
    await refused(t, `unix:${folder}/folder`, code, /taken by a folder/, { takeOver });
    await refused(t, `unix:${folder}/link`, code, /taken by a symbolic link/, { takeOver });
    await refused(t, `unix:${folder}/dangling`, code, /taken by a symbolic link/, { takeOver });
  }
  t.equal(readFileSync(`${folder}/file`, 'utf8'), 'mine');
  t.equal(readlinkSync(`${folder}/dangling`), `${folder}/nothing`);
  t.equal(await get(`${folder}/link`), 'hello');
  await listening.close();
  t.strictSame(readdirSync(folder).sort(), ['dangling', 'file', 'folder', 'link']);
});

t.test('a path where somebody answers, who is not harmed', async (t) => {
  const path = `${temporaryFolder(t)}/app.sock`;
  const listening = await listen(hello, `unix:${path}`);
  await refused(
    t,
    `unix:${path}`,
    'TSGI_ERR_SOCKET_OCCUPIED',
    /taken by a program that listens there; stop that program/,
  );
  t.equal(await get(path), 'hello');
  await listening.close();
});

t.test('a path of another user, where nobody can be asked', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  chownSync(folder, 65534, 65534);
  const listening = await listen(hello, `unix:${folder}/app.sock`, { mode: 0o600 });
  const said = asNobody?.(`unix:${folder}/app.sock`);
  t.match(said, /^2 TSGI_ERR_SOCKET_OCCUPIED: .* taken by a socket \(EACCES\)/);
  t.equal(await get(`${folder}/app.sock`), 'hello');
  await listening.close();
});

t.test('a stale file of another user in a folder with the sticky bit', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o1777);
  const path = `${folder}/app.sock`;
  const { child } = await start(t, serveCommand(`unix:${path}`, { mode: 0o666 }));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  const said = asNobody?.(`unix:${path}`);
  t.match(
    said,
    /^2 TSGI_ERR_SOCKET_OCCUPIED: .* taken by a socket of another user \(E(PERM|ACCES)\); remove it as its owner: rm /,
  );
  t.ok(existsSync(path));
  t.strictSame(readdirSync(folder), ['app.sock']);
});
