// The commands to a running server, as an operator types them.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { controlPath, placeFor } from './fixtures/place.ts';
import { addressOf } from './fixtures/served.ts';

test('status in the same folder shows the server and its workers', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2');
  const url = await addressOf(served);
  for (let i = 0; i < 10; i++) await (await fetch(url)).text();
  const path = await controlPath(served);
  t.equal(statSync(path).mode & 0o777, 0o600, 'the socket is open to its user alone');
  t.equal(statSync(join(path, '..')).mode & 0o777, 0o700, 'and so is its folder');
  t.strictSame(readdirSync(join(path, '..')).length, 1, 'nothing else is left in it');

  const shown = await place.tsgi('status');
  t.equal(shown.status, 0, shown.stderr);
  const [head, binds, , titles, first, second] = shown.stdout.split('\n');
  t.match(
    head,
    new RegExp(`^tsgi: serving, generation 1, 2 of 2 workers accept, process ${served.child.pid}, up \\d+s$`),
  );
  t.equal(`http://${binds?.replace('listens on ', '')}`, url);
  t.match(titles, /^WORKER +PID +GEN +STATE +AGE +RESTARTS +REQUESTS +IN FLIGHT +CONNS +LOOP +MEMORY$/);
  t.match(first, /^ +1 +\d+ +1 +accepting +\d+s +0 +\d+ +0 +\d+ +\d+% +(\d+ MB|-)$/);
  t.match(second, /^ +2 +\d+ +1 +accepting /);

  const report = JSON.parse((await place.tsgi('status', '--json')).stdout);
  t.match(report, { version: 1, name: 'tsgi', pid: served.child.pid, state: 'serving', wanted: 2, lastReload: null });
  t.match(report.workers[0], { worker: 1, state: 'accepting', ready: true, counters: { responses: Array } });

  served.child.kill('SIGTERM');
  t.equal(await served.exited, 0);
  t.notOk(existsSync(path), 'the socket goes with the server');
});

test('where no server answers, a command says where it looked, with status 4', async (t) => {
  const place = placeFor(t);
  for (const command of [
    ['status'],
    ['top'],
    ['reload'],
    ['scale', '2'],
    ['stop'],
    ['reopen'],
    ['workers', 'kill', '1'],
  ]) {
    const ended = await place.tsgi(...command);
    t.equal(ended.status, 4, command.join(' '));
    t.match(
      ended.stderr,
      /^tsgi: no server answers at .*\/tmp\/tsgi-\d+\/tsgi-[0-9a-f]{8}\.sock; start one with tsgi serve.*\n$/,
    );
    t.equal(ended.stdout, '');
  }
  const off = await place.tsgi('status', '--control-socket', 'off');
  t.equal(off.status, 2);
  t.match(off.stderr, /^tsgi: the control socket is off; /);
});

test('workers kill ends one worker, another takes its place, and an unknown one is told with those that are', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2');
  await addressOf(served);
  const killed = await place.tsgi('workers', 'kill', '2');
  t.equal(killed.status, 0);
  const pid = /^worker 2, process (\d+), is killed/.exec(killed.stdout)?.[1];
  await served.until(
    ({ msg, pid: gone }) => msg === 'worker 2 has left: killed by the operator' && String(gone) === pid,
  );
  await served.until(({ msg, pid: other }) => msg === 'worker 2 starts' && String(other) !== pid);
  const unknown = await place.tsgi('workers', 'kill', '7');
  t.equal(unknown.status, 1);
  t.match(unknown.stderr, /^tsgi: there is no worker 7; the workers are: 1(, 2)?\n$/);
  t.equal((await place.tsgi('workers')).status, 2);
});

test('reopen has the log files opened again', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--log-file', 'server.log', '--access-logfile', 'access.log');
  const read = (name: string): string => readFileSync(join(place.folder, name), 'utf8');
  while (!existsSync(join(place.folder, 'access.log'))) await place.tsgi('status');
  for (const name of ['server.log', 'access.log'])
    renameSync(join(place.folder, name), join(place.folder, `${name}.1`));
  const reopened = await place.tsgi('reopen');
  t.equal(reopened.status, 0, reopened.stderr);
  t.equal((await place.tsgi('stop')).status, 0);
  t.equal(await served.exited, 0);
  t.match(read('server.log'), /has left: stopped/);
  t.equal(read('access.log'), '');
});

test('top shows one second where its output is no terminal', async (t) => {
  const place = placeFor(t);
  const url = await addressOf(place.serve());
  let stopping = false;
  const client = (async () => {
    while (!stopping) await (await fetch(url)).text();
  })();
  const { status, stdout } = await place.tsgi('top');
  stopping = true;
  await client;
  t.equal(status, 0);
  t.match(stdout, /\nWORKER +PID +GEN +STATE +REQ\/S +IN FLIGHT +CONNS +LOOP +MEMORY +AGE +RESTARTS\n/);
  const rate = / accepting +([\d.]+) /.exec(stdout)?.[1];
  t.ok(Number(rate) > 0, stdout);
  t.notMatch(stdout, '\x1b');
});

const noTerminal = spawnSync('script', ['--version']).error === undefined ? false : 'script(1) makes the terminal';

test('top on a terminal draws again until q, and gives the terminal back', { skip: noTerminal }, async (t) => {
  const place = placeFor(t);
  const served = place.serve('--control-socket', join(place.folder, 'c.sock'));
  await addressOf(served);
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
  const top = `'${process.execPath}' --conditions=@tsgi/source '${cli}' top --control-socket c.sock`;
  const terminal = spawn('script', ['-qec', `stty cols 90 rows 4 && ${top}`, '/dev/null'], {
    cwd: place.folder,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => terminal.kill('SIGKILL'));
  let shown = '';
  for await (const chunk of terminal.stdout) {
    shown += chunk;
    // The third frame.
    if (shown.split('\x1b[H').length > 3 && terminal.stdin.writable) terminal.stdin.end('q');
  }
  const [status] = terminal.exitCode === null ? await once(terminal, 'exit') : [terminal.exitCode];
  t.equal(status, 0);
  t.match(shown, /tsgi: serving, generation 1, 1 of 1 worker accepts/);
  t.match(shown, /3 more/, 'what the terminal has no room for is counted');
  t.ok(shown.trimEnd().endsWith('\x1b[?25h\x1b[?1049l'), JSON.stringify(shown.slice(-80)));
});
