import t from 'tap';
import { tsgi } from './fixtures/command.ts';

/** Says what it was asked, and prints on the standard output as applications do. */
const ECHO = `
console.log('imported');
export const app = {
  start() { console.log('started'); },
  async handle(request, context) {
    console.log('a line of the application');
    let body = '';
    for await (const chunk of request.body ?? []) body += new TextDecoder().decode(chunk);
    const { method, target, mountPath, headers } = request;
    const status = target === '/missing' ? 404 : 200;
    if (target === '/cut') return { status, headers: ['content-length', '10'], body: (async function* () { yield 'a'; throw new Error('cut'); })() };
    if (target === '/never') return new Promise(() => {});
    if (target === '/bytes') return { status, headers: [], body: Uint8Array.from({ length: 300_000 }, (_, i) => i % 256) };
    const own = { worker: context.worker, variable: process.env.GREETING, node: process.execArgv.includes('--no-warnings') };
    return { status, headers: ['X-Made-By', 'echo', 'set-cookie', 'a=1', 'set-cookie', 'b=2'], body: JSON.stringify({ method, target, mountPath, headers, body, ...own }) };
  },
  stop() { console.log('stopped'); },
};
`;

t.test(
  'a request is answered by the application on the standard output, and what it prints goes elsewhere',
  async (t) => {
    const cwd = t.testdir({ 'app.js': ECHO });
    const { status, stdout, stderr } = await tsgi(t, ['request', 'get', '/x?a=1', '--app', './app.js:app'], { cwd });
    t.equal(status, 0, stderr);
    t.match(JSON.parse(stdout), { method: 'GET', target: '/x?a=1', body: '', worker: 0 });
    t.strictSame(stderr.match(/^(imported|started|a line of the application|stopped)$/gm), [
      'imported',
      'started',
      'a line of the application',
      'stopped',
    ]);
  },
);

t.test('headers and a body are sent as written', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO, 'tsgi.config.json': '{"app": "./app.js:app"}', 'body.txt': 'from a file' });
  const ask = async (...args: string[]) =>
    JSON.parse((await tsgi(t, ['request', 'POST', '/', ...args], { cwd, input: 'from the input' })).stdout);
  const asked = await ask('-H', 'content-type: text/plain', '-H', 'X-Two: 2', '-d', 'hello', '-H', 'host: example.org');
  t.equal(asked.body, 'hello');
  t.strictSame(
    new Map(pairs(asked.headers)),
    new Map([
      ['host', 'example.org'],
      ['content-type', 'text/plain'],
      ['x-two', '2'],
      ['content-length', '5'],
      ['accept', '*/*'],
      ['user-agent', asked.headers[asked.headers.indexOf('user-agent') + 1]],
    ]),
  );
  t.equal((await ask('-d', '@body.txt')).body, 'from a file');
  t.equal((await ask('-d', '@-')).body, 'from the input');
  t.equal((await ask('-d', '-')).body, 'from the input');
});

t.test('--include prints the head as curl does, every field of it', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO });
  const { stdout } = await tsgi(t, ['request', 'GET', '/missing', '-i'], { cwd, env: { TSGI_APP: './app.js:app' } });
  const [head = '', body = ''] = stdout.split('\r\n\r\n');
  t.match(head.split('\r\n'), ['HTTP/1.1 404 Not Found', 'x-made-by: echo', 'set-cookie: a=1', 'set-cookie: b=2']);
  t.match(JSON.parse(body), { target: '/missing' });
});

t.test('a binary answer arrives as it is', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO });
  const { bytes } = await tsgi(t, ['request', 'GET', '/bytes', '--app', './app.js'], { cwd });
  t.equal(bytes.length, 300_000);
  t.ok(bytes.every((byte, i) => byte === i % 256));
});

t.test('the settings of a worker apply: mount path, time limit, environment file, arguments of node', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO, env: 'GREETING=hello' });
  const app = ['--app', './app.js:app'];
  const args = ['--mount-path', '/shop', '--env-file', 'env', '--node-arg=--no-warnings', '--request-timeout', '100ms'];
  const mounted = await tsgi(t, ['request', 'GET', '/shop/a', ...app, ...args], { cwd });
  t.match(JSON.parse(mounted.stdout), { target: '/a', mountPath: '/shop', variable: 'hello', node: true });
  t.match((await tsgi(t, ['request', 'GET', '/shop/never', '-i', ...app, ...args], { cwd })).stdout, /^HTTP\/1.1 504 /);
  t.match((await tsgi(t, ['request', 'GET', '/a', '-i', ...app, ...args], { cwd })).stdout, /^HTTP\/1.1 404 /);
});

t.test('the exit status tells what became of it', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO, 'throws.js': "throw new Error('no database');" });
  const ask = (...args: string[]) => tsgi(t, ['request', ...args], { cwd });
  t.equal((await ask('GET', '/missing', '--app', './app.js')).status, 0, 'an answer is an answer');
  t.equal((await ask('GET', '/missing', '--app', './app.js', '--fail')).status, 1, 'with --fail, 404 is a failure');
  t.match(await ask('GET', '/cut', '--app', './app.js'), { status: 1, stderr: /failed to answer/ });
  t.match(await ask('GET', '/', '--app', './throws.js'), { status: 3, stderr: /no database.*throws\.js:1/s });
  t.match(await ask('GET', '/', '--app', './none.js'), { status: 3, stderr: /there is no file/ });
});

t.test('what cannot be a request is refused in one line', async (t) => {
  const cwd = t.testdir({ 'app.js': ECHO });
  for (const [args, line] of [
    [['GET', 'x', '--app', './app.js'], 'tsgi: the path "x" does not begin with /; write /x\n'],
    [['G T', '/', '--app', './app.js'], 'tsgi: the method "G T" is none; write GET, POST, ...\n'],
    [
      ['GET', '/', '--app', './app.js', '-H', 'x'],
      'tsgi: the header "x" cannot be read; write it as -H \'name: value\'\n',
    ],
    [['GET', '/', '--app', './app.js', '-d', '@none'], /^tsgi: the body cannot be read: ENOENT[^\n]*\n$/],
    [['GET', '/'], /^tsgi: no application is named; [^\n]*\n$/],
    [['GET', '/', '--workers', '2'], /^tsgi: unknown option '--workers'[^\n]*\n$/],
    [['GET'], /^tsgi: missing required argument 'path'[^\n]*\n$/],
  ] as const) {
    t.match(await tsgi(t, ['request', ...args], { cwd }), { status: 2, stdout: '', stderr: line });
  }
});

function* pairs(list: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i < list.length; i += 2) yield [list[i] as string, list[i + 1] as string];
}
