// The lock on a socket's folder.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import t from 'tap';
import { lockFolder, tryLockFolder } from '../src/lock.ts';
import { temporaryFolder } from './temporary-folder.ts';

t.test('one holder at a time, by whichever path the folder is reached', async (t) => {
  const folder = temporaryFolder(t);
  const other = temporaryFolder(t);
  symlinkSync(folder, `${other}/link`);
  const unlock = tryLockFolder(`${folder}/a.sock`);
  t.ok(unlock);
  t.notOk(tryLockFolder(`${other}/link/b.sock`));
  const elsewhere = tryLockFolder(`${other}/a.sock`);
  t.ok(elsewhere);
  elsewhere?.();
  unlock?.();
  const again = tryLockFolder(`${folder}/a.sock`);
  t.ok(again);
  again?.();
});

t.test('whoever waits gets it when the holder gives it back', async (t) => {
  const path = `${temporaryFolder(t)}/a.sock`;
  const first = await lockFolder(path);
  const waiting = lockFolder(path);
  first();
  const second = await waiting;
  t.notOk(tryLockFolder(path));
  second();
});

t.test('a holder that is killed leaves nothing behind', async (t) => {
  const path = `${temporaryFolder(t)}/a.sock`;
  const lock = new URL('../src/lock.ts', import.meta.url).href;
  const code = `import { tryLockFolder } from '${lock}'; tryLockFolder('${path}'); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  t.notOk(tryLockFolder(path));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const unlock = tryLockFolder(path);
  t.ok(unlock);
  unlock?.();
});

t.test('a holder that never gives it back keeps nobody from going on', async (t) => {
  const path = `${temporaryFolder(t)}/a.sock`;
  const stuck = await lockFolder(path);
  const unlock = await lockFolder(path);
  unlock();
  t.notOk(tryLockFolder(path), "the lock is still the first one's");
  stuck();
});
