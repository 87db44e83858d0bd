import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { addressOf, type Line, run, type Served } from './fixtures/served.ts';

const NL = '\n';

/** An application whose answer comes from two imports down, in a folder of its own. */
function makeApp(t: Test): string {
  return t.testdir({
    'app.ts': [
      `import { answer } from './lib/one.ts';`,
      `export const app = { handle: () => ({ status: 200, headers: [], body: answer() }) };`,
    ].join(NL),
    lib: {
      'one.ts': `import { text } from './two.ts';\nexport const answer = (): string => text;`,
      'two.ts': say('first'),
    },
  });
}

function say(text: string): string {
  return `export const text: string = ${JSON.stringify(text)};`;
}

function serveDev(t: Test, folder: string, ...args: string[]): Served {
  return run(t, ['serve', './app.ts', '--dev', '--log-format', 'json', '-b', '127.0.0.1:0', ...args], {}, folder);
}

async function get(url: string, agent: http.Agent | false = false): Promise<string> {
  const [reply] = (await once(http.get(url, { agent }), 'response')) as [http.IncomingMessage];
  return (await reply.setEncoding('utf8').toArray()).join('');
}

const restarted = ({ msg }: Line) => msg.startsWith('restarted in ');
const waiting = ({ msg }: Line) => msg.startsWith('waiting for a change');
const changed =
  (name: string) =>
  ({ msg }: Line) =>
    msg === `${name} changed: restarting`;

/** Makes a change, and resolves when the restart that follows has come to `end`. */
async function change(served: Served, make: () => void, end: (line: Line) => boolean = restarted): Promise<void> {
  const from = served.lines.length;
  make();
  await served.until(end, from);
}

t.test('a file two imports down changes while clients ask: no request fails, and the new answer comes', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  let text = 'first';
  let stopping = false;
  const failures: unknown[] = [];
  const clients = Array.from({ length: 8 }, async (_, i) => {
    const agent = i % 2 === 0 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false;
    while (!stopping) await get(url, agent).catch((error) => failures.push(error));
    if (agent) agent.destroy();
  });
  for (text of ['second', 'third']) {
    await change(served, () => writeFileSync(join(folder, 'lib/two.ts'), say(text)));
    t.equal(await get(url), text);
  }
  stopping = true;
  await Promise.all(clients);
  t.strictSame(failures, []);
  await served.until(changed('lib/two.ts'));
});

t.test('requests that come during a restart wait for the new code, on kept-alive connections too', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.equal(await get(url, agent), 'first');
  writeFileSync(join(folder, 'lib/two.ts'), say('second'));
  // The old worker is gone, and the new one is not there yet.
  await served.until(({ msg }) => msg.startsWith('worker 1 has left'));
  t.strictSame(await Promise.all([get(url), get(url, agent), get(url)]), ['second', 'second', 'second']);
});

t.test('code that does not load is told with its stack, and requests wait until it is mended', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const two = join(folder, 'lib/two.ts');
  const broken: [code: string, stack: RegExp][] = [
    ['export const text = ;', /two\.ts:1/],
    [`${say('')} throw new Error("not today");`, /not today\n.*two\.ts:1/],
    [`${say('')} import "./three.ts";`, /three\.ts/],
    [`${say('')} process.exit(5);`, /^$/],
    ['export const other = 1;', /text/],
  ];
  for (const [code, stack] of broken) {
    const from = served.lines.length;
    await change(served, () => writeFileSync(two, code), waiting);
    const failure = (await served.until(({ level }) => level === 50, from)) as Line & { stack?: string };
    t.match(failure.stack ?? '', stack, code);
    t.notOk(
      served.lines.slice(from).some(({ pause }) => pause !== undefined),
      'nothing backs off',
    );
  }
  const early = get(url);
  await change(served, () => writeFileSync(two, say('mended')));
  t.equal(await early, 'mended');
  t.equal(served.errors(), '');
});

t.test('code that hangs while it is imported is replaced by the next change', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const two = join(folder, 'lib/two.ts');
  await change(
    served,
    () => writeFileSync(two, `${say('')}\nconsole.log('here');\nfor (;;);`),
    ({ msg }) => msg === 'here',
  );
  await change(served, () => writeFileSync(two, say('second')));
  t.equal(await get(url), 'second');
});

t.test('the latest of several changes in a row is what is served', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const starts = ({ msg }: Line) => msg === 'worker 1 starts';
  for (const text of ['second', 'third']) {
    await change(served, () => writeFileSync(join(folder, 'lib/two.ts'), say(text)), starts);
  }
  await change(served, () => writeFileSync(join(folder, 'lib/two.ts'), say('last')));
  t.equal(await get(url), 'last');
});

t.test('an application that does not start at first is waited for, with the socket open', async (t) => {
  const folder = t.testdir({ lib: { 'two.ts': say('there') } });
  const served = serveDev(t, folder);
  const { binds } = (await served.until(waiting)) as unknown as { binds: [string] };
  const early = get(`http://${binds[0]}`);
  await change(served, () => writeFileSync(join(folder, 'app.ts'), `export * from './lib/app.ts';`), waiting);
  const serving = served.until(({ msg }) => msg.startsWith('serving '));
  const handle = '() => ({ status: 200, headers: [], body: text })';
  writeFileSync(
    join(folder, 'lib/app.ts'),
    `import { text } from './two.ts';\nexport const app = { handle: ${handle} };`,
  );
  t.equal(await early, 'there');
  await serving;
});

t.test('a missing file is found when it appears, in a folder that does not exist yet', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  await change(
    served,
    () =>
      writeFileSync(
        join(folder, 'lib/one.ts'),
        `import { text } from '../a/b/c.ts';\nexport const answer = () => text;`,
      ),
    waiting,
  );
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  await change(served, () => writeFileSync(join(folder, 'a/b/c.ts'), say('found')));
  t.equal(await get(url), 'found');
});

t.test('files are followed when they are replaced by rename, required, or imported later', async (t) => {
  const folder = makeApp(t);
  writeFileSync(join(folder, 'required.cjs'), `module.exports = require('./deeper.cjs');`);
  writeFileSync(join(folder, 'deeper.cjs'), `module.exports = { text: 'required' };`);
  writeFileSync(join(folder, 'late.ts'), say('late'));
  writeFileSync(
    join(folder, 'lib/one.ts'),
    [
      `import { createRequire } from 'node:module';`,
      `const { text } = createRequire(import.meta.url)('../required.cjs');`,
      `export const answer = async function* () { yield text + ' ' + (await import('../late.ts')).text; };`,
    ].join(NL),
  );
  writeFileSync(
    join(folder, 'app.ts'),
    [
      `import { answer } from './lib/one.ts';`,
      `const bytes = async function* () { for await (const text of answer()) yield Buffer.from(text); };`,
      `export const app = { handle: () => ({ status: 200, headers: [], body: bytes() }) };`,
    ].join(NL),
  );
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  t.equal(await get(url), 'required late');
  await change(served, () => {
    writeFileSync(join(folder, 'new.tmp'), `module.exports = { text: 'renamed' };`);
    renameSync(join(folder, 'new.tmp'), join(folder, 'deeper.cjs'));
  });
  t.equal(await get(url), 'renamed late');
  await change(served, () => writeFileSync(join(folder, 'late.ts'), say('later')));
  t.equal(await get(url), 'renamed later');
});

t.test('a folder that goes and comes again, as at the change of a branch', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  await change(served, () => renameSync(join(folder, 'lib'), join(folder, 'away')), waiting);
  writeFileSync(join(folder, 'away/two.ts'), say('back'));
  await change(served, () => renameSync(join(folder, 'away'), join(folder, 'lib')));
  t.equal(await get(url), 'back');
  await change(served, () => writeFileSync(join(folder, 'lib/two.ts'), say('again')));
  t.equal(await get(url), 'again');
});

t.test('files that the code is not made of restart nothing', async (t) => {
  const folder = makeApp(t);
  mkdirSync(join(folder, 'node_modules/dep'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/dep/package.json'), '{ "name": "dep", "main": "./index.js" }');
  writeFileSync(join(folder, 'node_modules/dep/index.js'), 'module.exports = 1;');
  writeFileSync(
    join(folder, 'lib/one.ts'),
    `import 'dep';\nexport { text } from './two.ts';\nexport const answer = () => 'x';`,
  );
  const served = serveDev(t, folder);
  await addressOf(served);
  const from = served.lines.length;
  writeFileSync(join(folder, 'lib/unrelated.ts'), 'export {};');
  writeFileSync(join(folder, 'node_modules/dep/index.js'), 'module.exports = 2;');
  rmSync(join(folder, 'lib/unrelated.ts'));
  // What happens in order is heard in order: this restart names one file, and there is no other.
  await change(served, () => writeFileSync(join(folder, 'lib/two.ts'), say('second')));
  const names = served.lines.slice(from).filter(({ msg }) => msg.endsWith('changed: restarting'));
  t.match(names, [{ msg: 'lib/two.ts changed: restarting', files: [join(folder, 'lib/two.ts')] }]);
  t.equal(names.length, 1);
});

t.test('the configuration file is followed when it is made, changed, broken and mended', async (t) => {
  const folder = makeApp(t);
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const config = join(folder, 'tsgi.config.json');
  await change(served, () => writeFileSync(config, '{ "mountPath": "/shop" }'));
  t.equal((await fetch(`${url}/elsewhere`)).status, 404);
  await change(served, () => writeFileSync(config, '{ "mountPath": '), waiting);
  const early = get(`${url}/new/x`);
  await change(served, () => writeFileSync(config, '{ "mountPath": "/new" }'));
  t.equal(await early, 'first');
  await change(served, () => rmSync(config));
  t.equal(await get(`${url}/elsewhere`), 'first');
});

t.test('a relative folder to work in is found again at a restart', async (t) => {
  const folder = t.testdir({
    shop: { 'app.ts': say('one'), 'tsgi.config.ts': `export default { app: './serve.ts' };` },
  });
  const handle = '() => ({ status: 200, headers: [], body: text })';
  writeFileSync(
    join(folder, 'shop/serve.ts'),
    `import { text } from './app.ts';\nexport const app = { handle: ${handle} };`,
  );
  const args = ['serve', '--dev', '--log-format', 'json', '-b', '127.0.0.1:0', '--chdir', 'shop'];
  const served = run(t, args, {}, folder);
  const url = await addressOf(served);
  await change(served, () => writeFileSync(join(folder, 'shop/app.ts'), say('two')));
  t.equal(await get(url), 'two');
});

t.test('environment files are followed', async (t) => {
  const folder = t.testdir({
    'app.ts': `export const app = { handle: () => ({ status: 200, headers: [], body: process.env.TEXT }) };`,
    'app.env': 'TEXT=one',
  });
  const served = serveDev(t, folder, '--env-file', 'app.env');
  const url = await addressOf(served);
  t.equal(await get(url), 'one');
  await change(served, () => writeFileSync(join(folder, 'app.env'), 'TEXT=two'));
  t.equal(await get(url), 'two');
});

t.test('what is in flight has half a second to end at a change, and open streams are told', async (t) => {
  const folder = t.testdir({
    'app.ts': [
      `export const app = { async handle({ target }, { draining }) {`,
      `  if (target === '/slow') await new Promise((r) => draining.addEventListener('abort', () => setTimeout(r, 100)));`,
      `  if (target === '/never') await new Promise(() => {});`,
      `  return { status: 200, headers: [], body: 'done' };`,
      `} };`,
    ].join(NL),
  });
  const served = serveDev(t, folder);
  const url = await addressOf(served);
  const slow = get(`${url}/slow`);
  const never = t.rejects(get(`${url}/never`));
  // Both are there, since a later request on another connection was answered.
  t.equal(await get(url), 'done');
  await change(served, () => writeFileSync(join(folder, 'app.ts'), `export const app = (req, res) => res.end('new');`));
  t.equal(await slow, 'done');
  await never;
  t.equal(await get(url), 'new');
});

t.test('a Unix socket is at its path before the application has started, and gone after Ctrl-C', async (t) => {
  // Not in the test's own folder, whose name is too long for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'app.sock');
  const args = ['serve', './app.ts', '--dev', '--log-format', 'json', '-b', `unix:${path}`];
  const served = run(t, args, {}, folder);
  await served.until(waiting);
  const early = once(http.get({ socketPath: path, agent: false }), 'response') as Promise<[http.IncomingMessage]>;
  writeFileSync(join(folder, 'app.ts'), `export const app = (req, res) => res.end('there');`);
  const [reply] = await early;
  t.equal((await reply.setEncoding('utf8').toArray()).join(''), 'there');
  served.child.kill('SIGINT');
  t.equal(await served.exited, 0);
  t.notOk(existsSync(path));
});

t.test('it ends at once while it waits, and when its terminal is closed', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const folder = makeApp(t);
    writeFileSync(join(folder, 'app.ts'), 'throw new Error("never")');
    const served = serveDev(t, folder);
    await served.until(waiting);
    served.child.kill(signal);
    t.equal(await served.exited, 0, signal);
  }
});

t.test('the log is readable and has a line for each request, unless somebody says otherwise', async (t) => {
  const folder = makeApp(t);
  const plain = { NO_COLOR: '1' };
  const served = run(t, ['serve', './app.ts', '--dev', '-b', '127.0.0.1:0'], plain, folder);
  const { msg } = await served.until(({ msg }) => msg.includes('INFO: serving '));
  const address = /serving (\S+)/.exec(msg)?.[1];
  await get(`http://${address}/quotes?page=2`);
  await served.until(({ msg }) => /^GET \/quotes\?page=2 200 [\d.]+ ms$/.test(msg));
  writeFileSync(join(folder, 'lib/two.ts'), `${say('')} throw new Error("haha");`);
  await served.until(({ msg }) => /^\s+Error: haha$/.test(msg));
});
