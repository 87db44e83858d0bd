import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { makeCertificate, noOpenssl } from './fixtures/certificate.ts';
import { type CommandOptions, tsgi } from './fixtures/command.ts';
import { addressOf, run } from './fixtures/served.ts';

const APP = join(import.meta.dirname, 'fixtures/apps/plain.ts');

/** A folder with a short name, for Unix sockets. */
function folderOf(t: Test, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

interface Finding {
  readonly what: string;
  readonly state: string;
  readonly text: string;
  readonly todo: string;
  readonly detail: string;
}

/** Runs `tsgi check --json`; `of` gives the finding of what begins with a text. */
async function check(t: Test, args: readonly string[], options: CommandOptions = {}) {
  const bind = args.some((arg) => arg.includes('bind')) ? [] : ['--bind', '127.0.0.1:0'];
  const { status, stdout, stderr } = await tsgi(t, ['check', ...args, ...bind, '--json'], options);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  t.equal(ok, status === 0);
  return { status, findings, stderr, of: (what: string) => findings.find((finding) => finding.what.startsWith(what)) };
}

async function listen(t: Test, address: object): Promise<Server> {
  const server = createServer().listen(address);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

t.test('where all is well, each line says so, the status is 0, and nothing is left behind', async (t) => {
  const app =
    "export const app = { handle: () => ({ status: 200, headers: [], body: '' }), stop: () => console.log('stopped') };";
  const cwd = folderOf(t, { 'tsgi.config.ts': "export default { app: './app.js:app' };", 'app.js': app });
  const before = readdirSync(cwd);
  const args = ['--bind', `unix:${cwd}/app.sock`, '--monitor-bind', '127.0.0.1:0', '--log-file', 'server.log'];
  const more = ['--access-logfile', 'access.log', '--pidfile', 'pid', '--control-socket', `${cwd}/control.sock`];
  const { status, stdout, stderr } = await tsgi(t, ['check', ...args, ...more], { cwd });
  t.equal(status, 0, stdout);
  for (const line of [
    /^ok +settings: 6 by flags, 0 by variables, 1 in .*tsgi\.config\.ts$/m,
    /^ok +log file server\.log: can be written$/m,
    /^ok +access log access\.log: can be written$/m,
    /^ok +folder of pid: can be written$/m,
    /^ok +pid file pid: no process that runs has it$/m,
    /^ok +control socket: nobody listens there$/m,
    /^ok +bind unix:.*\/app\.sock: free$/m,
    /^ok +monitor bind 127\.0\.0\.1:0: the system chooses the port$/m,
    /^ok +application \.\/app\.js:app: a gateway application, started in \d+ ms$/m,
  ]) {
    t.match(stdout, line);
  }
  t.match(stderr, /^stopped$/m, 'the application was stopped, and what it prints is not among the lines');
  t.strictSame(readdirSync(cwd), before);
});

t.test('all wrong settings are named at once, and nothing is started for them', async (t) => {
  const cwd = folderOf(t, {
    'tsgi.config.json': '{"wrokers": 2, "timeout": "soon", "backlog": 0}',
    'app.js': 'throw 1',
  });
  const args = ['check', './app.js', '--socket-mode', '999', '--forwarded-allow-ips', 'somebody', '--chdir', cwd];
  const { status, stdout } = await tsgi(t, args, { env: { TSGI_BINDS: ':1', TSGI_MOUNT_PATH: 'x' } });
  t.equal(status, 2);
  const lines = stdout.trim().split('\n');
  t.equal(lines.length, 7, stdout);
  for (const line of [
    /^failed +settings: the variable TSGI_BINDS is no setting; did you mean TSGI_BIND\?$/m,
    /^failed +settings: the key wrokers in .* is no setting; did you mean workers\?$/m,
    /^failed +settings: timeout in .* is "soon"; it takes /m,
    /^failed +settings: backlog in .* is 0; it takes /m,
    /^failed +settings: --socket-mode is "999"; it takes /m,
    /^failed +settings: --forwarded-allow-ips is \["somebody"\]; it takes networks: /m,
    /^failed +settings: TSGI_MOUNT_PATH: the mount prefix "x" does not start with \/; write \/x$/m,
  ]) {
    t.match(stdout, line);
  }
  t.match(await check(t, []), { status: 2, findings: [{ text: 'no application is named' }] });
  t.match((await check(t, [APP, '--chdir', '/nowhere'])).findings, [{ text: /\/nowhere cannot be entered/ }]);
});

t.test('an application that does not start is told of in its own words, with status 3', async (t) => {
  const cwd = folderOf(t, {
    'throws.js': "throw new Error('no database');",
    'start.js': "export const app = { handle() {}, async start() { throw new Error('no pool'); } };",
    'exits.js': 'process.exit(9);',
    'never.js': 'export const app = { handle() {}, start: () => new Promise(() => {}) };',
    'hangs.js': 'for (;;);',
    'nothing.js': 'export const app = 1;',
  });
  const application = async (app: string, ...args: string[]) => {
    const { status, of } = await check(t, [app, ...args], { cwd });
    t.equal(status, 3, app);
    return of('application');
  };
  t.match(await application('./throws.js'), { state: 'failed', text: /no database/, detail: /throws\.js:1/ });
  t.match(await application('./start.js'), { text: /failed to start: no pool/, detail: /start\.js:1/ });
  t.match(await application('./exits.js'), { text: /exited with status 9 before it was ready/ });
  t.match(await application('./never.js', '--start-timeout', '1s'), { text: /was not ready within 1s/ });
  t.match(await application('./hangs.js', '--start-timeout', '1s'), { text: /was not ready within 1s/ });
  t.match(await application('./nothing.js'), { text: /no application/, detail: '' });
  t.match(await application('./none.js'), { text: /there is no file/ });
});

t.test('the application is started as a worker would be', async (t) => {
  const cwd = folderOf(t, {
    'app.js': `if (process.env.SECRET !== 's' || globalThis.imported !== true || !process.execArgv.includes('--no-warnings')) throw new Error('not as a worker');
      export const app = (req, res) => res.end();`,
    'set-up.js': 'globalThis.imported = true;',
    env: 'SECRET=s',
  });
  const args = ['./app.js', '--env-file', 'env', '--import', './set-up.js', '--node-arg=--no-warnings'];
  const { status, of } = await check(t, args, { cwd });
  t.equal(status, 0, JSON.stringify(of('application')));
  t.match(of('application'), { text: /^a \(req, res\) listener/ });
});

t.test('a bind that somebody else has is a failure, which says who', async (t) => {
  const folder = folderOf(t, { file: '' });
  const { port } = (await listen(t, { port: 0, host: '127.0.0.1' })).address() as { port: number };
  await listen(t, { path: join(folder, 'taken.sock') });
  const taken = ['--bind', `127.0.0.1:${port}`, '--bind', `unix:${folder}/taken.sock`];
  const others = ['--bind', `unix:${folder}/file`, '--bind', `unix:${folder}/none/x.sock`, '--bind', 'fd://77'];
  const { status, of } = await check(t, [APP, ...taken, ...others, '--bind', 'systemd', '--bind', '192.0.2.1:80']);
  t.equal(status, 2);
  const me = new RegExp(`in use by \\S+ \\(process ${process.pid}\\)`);
  t.match(of(`bind 127.0.0.1:${port}`), { state: 'failed', text: me });
  t.match(of(`bind unix:${folder}/taken`), { state: 'failed', text: me });
  t.match(of(`bind unix:${folder}/file`), { state: 'failed', text: /regular file/ });
  t.match(of(`bind unix:${folder}/none`), { state: 'failed', text: /does not exist/ });
  t.match(of('bind fd://77'), { state: 'failed', text: /is not open/ });
  t.match(of('bind systemd'), { state: 'warning' });
  t.match(of('bind 192.0.2.1:80'), { state: 'failed', text: /192\.0\.2\.1:80/ });
  const twice = await freePort();
  const same = await check(t, [APP, '--bind', `127.0.0.1:${twice}`, '--monitor-bind', `127.0.0.1:${twice}`]);
  t.match(same.of('monitor bind'), { state: 'failed', text: 'named a second time' });
});

t.test('before a reload, what this server has already is a warning, and it serves on', async (t) => {
  const folder = folderOf(t);
  const first = await freePort();
  const base = ['--bind', `127.0.0.1:${first}`, '--bind', `unix:${folder}/app.sock`, '--pidfile', join(folder, 'pid')];
  for (const control of [join(folder, 'control.sock'), 'off']) {
    const args = [`${APP}:app`, ...base, '--control-socket', control];
    const served = run(t, ['serve', ...args]);
    const url = await addressOf(served);
    const lines = served.lines.length;
    const { status, of } = await check(t, args);
    t.equal(status, 0);
    const held = `this server has it already (process ${served.child.pid})`;
    for (const what of [`bind 127.0.0.1:${first}`, `bind unix:${folder}`, 'pid file']) {
      t.match(of(what), { state: 'warning', text: held });
    }
    if (control !== 'off') t.match(of('control socket'), { state: 'warning', text: held });
    const [reply] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
    t.match(JSON.parse(await text(reply)), { worker: 1, generation: 1 });
    t.ok(existsSync(join(folder, 'app.sock')));
    t.strictSame(
      served.lines.slice(lines).filter(({ level }) => Number(level) > 30),
      [],
    );
    // Another application in the same place is another server.
    const stranger = await check(t, [`${APP}:app`, ...base.slice(0, 4)]);
    t.match(stranger, { status: 2 });
    t.match(stranger.of(`bind 127.0.0.1:${first}`), { state: 'failed', text: /in use by / });
    served.child.kill('SIGTERM');
    await served.exited;
  }
});

t.test('certificate and key must be there, and fit', { skip: noOpenssl }, async (t) => {
  const folder = folderOf(t);
  const [one, other] = [makeCertificate(folder, 'one'), makeCertificate(folder, 'other')];
  const of = async (certfile: string, keyfile: string) => {
    const { of } = await check(t, [APP, '--certfile', certfile, '--keyfile', keyfile]);
    return of('certificate') ?? of('key');
  };
  t.match(await of(one.certificate, one.key), { state: 'ok', text: /fits its key, valid until 20\d\d-/ });
  t.match(await of(one.certificate, other.key), { state: 'failed', text: /cannot be used with the key .*mismatch/ });
  t.match(await of(one.certificate, join(folder, 'none')), { state: 'failed', text: 'there is no such file' });
  t.match(await of(folder, one.key), { state: 'failed', text: 'is a folder' });
});

t.test('files that cannot be read or written are named', async (t) => {
  const folder = folderOf(t);
  const files = ['--log-file', `${folder}/none/a.log`, '--access-logfile', folder, '--pidfile', `${folder}/none/pid`];
  const { status, of } = await check(t, [APP, ...files, '--env-file', `${folder}/env`]);
  t.equal(status, 2);
  t.match(of('log file'), { state: 'failed', text: /there is no folder/, todo: /mkdir/ });
  t.match(of('access log'), { state: 'failed', text: 'is a folder' });
  t.match(of('folder of'), { state: 'failed', text: /there is no folder/ });
  t.match(of('environment file'), { state: 'failed', text: 'there is no such file' });
  t.equal(of('application'), undefined, 'what would not be started as it should is not started');
});

t.test('a user that workers run as must exist, and must be able to read', async (t) => {
  t.match((await check(t, [APP, '--user', 'nobody-of-that-name'])).of('user'), { state: 'failed', text: /no user/ });
  const isRoot = process.getuid?.() === 0;
  t.test('as root', { skip: !isRoot && 'skipped: only root becomes somebody else' }, async (t) => {
    const folder = folderOf(t);
    const args = [APP, '--user', 'nobody', '--access-logfile', join(folder, 'a.log'), '--chdir', '/'];
    t.match((await check(t, args)).of('access log'), { state: 'failed', text: /cannot be written by user \d+/ });
    chmodSync(folder, 0o777);
    t.match((await check(t, args)).of('access log'), { state: 'ok' });
  });
});

t.test('too few open files for the connections is a warning', async (t) => {
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
  const command = `ulimit -n 500 && exec "$0" --conditions=@tsgi/source -- "$1" check "$2" --bind 127.0.0.1:0 --backlog 65535`;
  const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, cli, APP], {
    encoding: 'utf8',
    env: { ...process.env, TSGI_CONTROL_SOCKET: 'off', NODE_OPTIONS: '' },
  });
  t.equal(status, 0, stdout);
  t.match(stdout, /^warning +open files: 500, and 10000 connections a worker need some 11024; allow more /m);
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
