// What a server takes with all the processes that it started.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { cpuOf, descend, parseParent, parsePss, parseSchedstat, pssOf, treeOf } from '../src/peers/process-tree.ts';

t.test('the parent of a process is read, whatever the process calls itself', async (t) => {
  t.equal(parseParent('4711 (node) S 4700 4711 4700 0 -1'), 4700);
  t.equal(parseParent('4711 (PM2 v7: (God) Daemon) S 1 4711'), 1);
});

t.test('a tree is a process with all that descend from it', async (t) => {
  const parents = new Map([
    [1, 0],
    [3, 9],
    [9, 1],
    [10, 9],
    [11, 10],
    [12, 1],
  ]);
  t.same(descend([9], parents), [9, 3, 10, 11], 'children with lower numbers among them, and itself first');
  t.same(descend([12, 10], parents), [12, 10, 11]);
  t.same(descend([77], parents), [], 'nothing, for a process that is gone');
});

t.test('CPU time is read in microseconds', async (t) => {
  t.equal(parseSchedstat('166288000 896929 2\n'), 166_288);
});

t.test('memory is read in bytes, and is no number where the system does not tell', async (t) => {
  t.equal(parsePss('55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:     5000 kB\nPss:     2048 kB\n'), 2 * 1024 * 1024);
  t.ok(Number.isNaN(parsePss('Rss: 1 kB\n')));
  t.ok(Number.isNaN(parsePss('')));
});

t.test('a real process is found with its child', { skip: process.platform !== 'linux' }, async (t) => {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], { stdio: 'pipe' });
  t.teardown(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  await once(child.stdout, 'data');
  const tree = treeOf([process.pid]);
  t.equal(tree[0], process.pid);
  t.ok(tree.includes(child.pid as number));
  t.ok(cpuOf(tree) > cpuOf([child.pid as number]));
  t.ok(cpuOf([child.pid as number]) > 0);
  t.ok(pssOf(tree) > pssOf([child.pid as number]));
});
