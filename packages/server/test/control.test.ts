// The commands to a running server, as an operator types them.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { APP, controlPath, placeFor } from './fixtures/place.ts';
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

test('reload waits, tells each worker, and ends with status 0', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2', '--reload-watch', '100ms');
  const url = await addressOf(served);
  place.write('app.mjs', APP.replace('served', 'served anew'));
  const { status, stdout, stderr } = await place.tsgi('reload');
  t.equal(status, 0, stderr);
  t.equal(await (await fetch(url)).text(), 'served anew', 'the new code serves when the command has ended');
  const lines = stdout.trimEnd().split('\n');
  t.equal(lines[0], `reloading tsgi, process ${served.child.pid}; generation 1 serves`);
  t.match(lines.at(-1), /^generation 2 serves, 2 workers/);
  for (const worker of [1, 2]) {
    const told = (step: string): number => lines.findIndex((line) => line.startsWith(`worker ${worker} of ${step}`));
    const order = ['generation 2 starts', 'generation 2 has started', 'generation 2 accepts', 'generation 1 drains'];
    const found = order.map(told);
    t.ok(
      found.every((at) => at > 0),
      stdout,
    );
    t.strictSame(
      found,
      found.toSorted((a, b) => a - b),
    );
  }
  t.match((await place.tsgi('status')).stdout, /\nlast reload \d+s ago: generation 2 took over\n/);
});

test("a reload that fails ends with status 1, the reason and the worker's own error", async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2', '--reload-watch', '100ms');
  const url = await addressOf(served);
  place.write('app.mjs', `export const app = { handle() {}, start() { throw new Error('no database') } };`);
  const failed = await place.tsgi('reload');
  t.equal(failed.status, 1);
  t.match(failed.stderr, /^tsgi: the reload failed, generation 1 serves on: worker \d failed to start: no database\n/);
  t.match(failed.stderr, /Error: no database\n +at .*app\.mjs:1:\d+/);
  t.equal(failed.stderr.match(/Error: no database/g)?.length, 1, 'once, not once a worker');
  t.match(failed.stdout, /\nworker \d of generation 2 has failed: worker \d failed to start: no database\n/);
  t.equal(await (await fetch(url)).text(), 'served');
  t.match(
    (await place.tsgi('status')).stdout,
    /\nLAST RELOAD FAILED \d+s ago: worker \d failed to start: no database\n/,
  );

  place.write('tsgi.config.mjs', 'export default { worker: 2 }');
  const wrong = await place.tsgi('reload', '--control-socket', await controlPath(served));
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /generation 1 serves on: the key worker in .* is no setting; did you mean workers\?\n$/);

  rmSync(join(place.folder, 'tsgi.config.mjs'));
  place.write('app.mjs', APP);
  t.equal((await place.tsgi('reload')).status, 0);
});

test('a reload during a reload waits for its turn', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--reload-watch', '500ms');
  await addressOf(served);
  const first = place.tsgi('reload');
  await served.until(({ msg, generation }) => msg === 'worker 1 starts' && generation === 2);
  const second = await place.tsgi('reload');
  t.equal((await first).status, 0);
  t.equal(second.status, 0, second.stderr);
  t.match(second.stdout, /generation 3 serves, 1 worker/);
});

test('scale starts the missing workers and waits for them, and drains what is too much', async (t) => {
  const place = placeFor(t);
  const served = place.serve();
  await addressOf(served);
  const more = await place.tsgi('scale', '3');
  t.equal(more.status, 0, more.stderr);
  t.match(more.stdout, /worker 3 of generation 1 accepts\n/);
  t.match(more.stdout, /\n3 of 3 workers serve\n$/);
  t.match((await place.tsgi('status')).stdout, /3 of 3 workers accept/);
  const fewer = await place.tsgi('scale', '1');
  t.match(fewer.stdout, /worker 2 of generation 1 drains \(scaled down\)\n/);
  t.match(fewer.stdout, /\n1 of 1 worker serves/);
  await served.until(({ msg }) => msg === 'worker 3 has left: scaled down');
  for (const wrong of ['0', '1025', 'many', '1.5']) {
    const refused = await place.tsgi('scale', wrong);
    t.equal(refused.status, 2);
    t.match(refused.stderr, /it takes a whole number from 1 to 1024\n$/);
  }

  place.write('app.mjs', 'throw new Error("broken meanwhile")');
  const broken = await place.tsgi('scale', '2');
  t.equal(broken.status, 1);
  t.match(broken.stderr, /^tsgi: 1 of 2 workers accept; the missing ones are tried again\n.*broken meanwhile/);
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
