// Every example serves its routes over TCP and over a Unix socket, and ends when it is told to.

import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { start } from './command.ts';
import { ROOT } from './markdown.ts';

/** A running example, and how to reach it. */
interface Example {
  readonly bind: string;
  /** Sends it a signal, and resolves to its exit status. */
  end(): Promise<number | null>;
  ask(method: string, path: string, json?: unknown, headers?: OutgoingHttpHeaders): Promise<Answer>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer without its headers. */
function said({ status, body }: Answer): Pick<Answer, 'status' | 'body'> {
  return { status, body };
}

/** What the examples' start scripts run. */
const TSGI = ['NODE_OPTIONS=--conditions=@tsgi/source', 'node_modules/.bin/tsgi', 'serve', './app.ts:app'] as const;
const EMBEDDED = [process.execPath, '--conditions=@tsgi/source', 'server.ts'] as const;

/** Starts an example on `bind` and waits until it says that it listens. */
async function serve(t: Test, folder: string, [command, ...args]: readonly string[], bind: string): Promise<Example> {
  const child = start(command as string, args, {
    cwd: folder,
    env: { ...process.env, TSGI_BIND: bind, TSGI_WORKERS: '2', TSGI_CONTROL_SOCKET: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  t.teardown(() => child.kill('SIGKILL'));
  let address = '';
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    address = /(?:Listening on |"serving )([^" ]+)/.exec(line)?.[1] ?? '';
    if (address !== '') break;
  }
  t.not(address, '', 'it says where it listens');
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  const where = address.startsWith('unix:') ? { socketPath: address.slice('unix:'.length) } : { host, port };
  return {
    bind: address,
    async end() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
    ask(method, path, json, given) {
      return new Promise((done, fail) => {
        const headers = { ...given, ...(json !== undefined && { 'content-type': 'application/json' }) };
        request({ ...where, method, path, headers, agent: false }, async (response) => {
          done({ status: response.statusCode ?? 0, headers: response.headers, body: await text(response) });
        })
          .on('error', fail)
          .end(json === undefined ? undefined : JSON.stringify(json));
      });
    },
  };
}

const folders = globSync('examples/*/package.json', { cwd: ROOT })
  .map((file) => join(ROOT, dirname(file)))
  .sort();

test('there is an example for every kind of application', async (t) => {
  t.strictSame(
    folders.map((folder) => basename(folder)),
    ['embedded', 'express', 'fastify', 'hello', 'hono', 'koa', 'plain'],
  );
});

for (const folder of folders.filter((folder) => !['embedded', 'hello'].includes(basename(folder)))) {
  for (const transport of ['TCP', 'a Unix socket']) {
    test(`${basename(folder)} serves over ${transport}`, async (t) => {
      const sockets = await mkdtemp(join(tmpdir(), 'example-'));
      t.teardown(() => rm(sockets, { recursive: true }));
      const path = join(sockets, 'app.sock');
      const example = await serve(t, folder, TSGI, transport === 'TCP' ? '127.0.0.1:0' : `unix:${path}`);

      t.strictSame(said(await example.ask('GET', '/')), { status: 200, body: 'Hello World!' });
      t.strictSame(said(await example.ask('GET', '/hello/J%C3%BCrgen?loud')), {
        status: 200,
        body: '{"hello":"Jürgen"}',
      });
      t.strictSame(said(await example.ask('POST', '/echo', { film: 'Casablanca' })), {
        status: 200,
        body: '{"film":"Casablanca"}',
      });
      t.equal((await example.ask('GET', '/nowhere')).status, 404);

      t.equal(existsSync(path), transport !== 'TCP');
      t.equal(await example.end(), 0, 'SIGTERM ends it');
      t.notOk(existsSync(path), 'and leaves no socket behind');
    });
  }
}

for (const transport of ['TCP', 'a Unix socket']) {
  test(`hello tells over ${transport} who asks, through whom, and how long an answer holds`, async (t) => {
    const sockets = await mkdtemp(join(tmpdir(), 'example-'));
    t.teardown(() => rm(sockets, { recursive: true }));
    const bind = transport === 'TCP' ? '127.0.0.1:0' : `unix:${join(sockets, 'app.sock')}`;
    const example = await serve(t, join(ROOT, 'examples/hello'), TSGI, bind);

    const hello = await example.ask('GET', '/hello');
    t.equal(hello.body, 'Hello World!');
    t.match(hello.headers['content-type'], 'text/plain');

    const kept = await example.ask('GET', '/cache-me');
    t.equal(kept.headers['cache-control'], 'public, max-age=60');
    t.match(kept.body, /^Made at \d{4}-\d\d-\d\dT\S+Z by worker [12]$/);

    const headers = {
      host: 'hello.example',
      'user-agent': 'a test',
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
    };
    const neighbour = transport === 'TCP' ? '127.0.0.1' : 'a Unix socket';
    const { worker, ...info } = JSON.parse((await example.ask('GET', '/info', undefined, headers)).body);
    t.strictSame(info, {
      connectingAddress: neighbour,
      forwardedAddress: '192.0.2.7',
      forwardedFor: '192.0.2.7',
      host: 'hello.example',
      userAgent: 'a test',
      scheme: 'https',
    });
    t.ok(worker === 1 || worker === 2, 'one of its two workers answered');

    const direct = JSON.parse((await example.ask('GET', '/info')).body);
    t.match(direct, { connectingAddress: neighbour, forwardedAddress: neighbour, forwardedFor: null, scheme: 'http' });
    t.equal(await example.end(), 0, 'SIGTERM ends it');
  });
}

test('an example says in one line what is wrong with its bind', async (t) => {
  const [command, ...args] = TSGI;
  const child = start(command, args, {
    cwd: join(ROOT, 'examples/plain'),
    env: { ...process.env, TSGI_BIND: 'unix:relative.sock' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [[status], message] = await Promise.all([once(child, 'exit'), text(child.stderr as NodeJS.ReadableStream)]);
  t.equal(status, 2);
  t.match(message, /^[^\n]*unix:relative\.sock[^\n]*\n$/);
});

test('embedded does the jobs that it took before it leaves', async (t) => {
  const example = await serve(t, join(ROOT, 'examples/embedded'), EMBEDDED, '127.0.0.1:0');
  t.equal((await example.ask('POST', '/api/jobs', { name: 'clean up' })).status, 202);
  t.match((await example.ask('GET', '/api/jobs')).body, 'clean up');
  t.equal((await example.ask('GET', '/health')).status, 200);
  t.equal(await example.end(), 0);
});
