// Every example serves its routes over TCP and over a Unix socket, and ends when it is told to.

import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
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
  ask(method: string, path: string, json?: unknown): Promise<{ status: number; body: string }>;
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
    ask(method, path, json) {
      return new Promise((done, fail) => {
        const headers = json === undefined ? {} : { 'content-type': 'application/json' };
        request({ ...where, method, path, headers, agent: false }, async (response) => {
          done({ status: response.statusCode ?? 0, body: await text(response) });
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
    ['embedded', 'express', 'fastify', 'hono', 'koa', 'plain'],
  );
});

for (const folder of folders.filter((folder) => basename(folder) !== 'embedded')) {
  for (const transport of ['TCP', 'a Unix socket']) {
    test(`${basename(folder)} serves over ${transport}`, async (t) => {
      const sockets = await mkdtemp(join(tmpdir(), 'example-'));
      t.teardown(() => rm(sockets, { recursive: true }));
      const path = join(sockets, 'app.sock');
      const example = await serve(t, folder, TSGI, transport === 'TCP' ? '127.0.0.1:0' : `unix:${path}`);

      t.strictSame(await example.ask('GET', '/'), { status: 200, body: 'Hello World!' });
      t.strictSame(await example.ask('GET', '/hello/J%C3%BCrgen?loud'), { status: 200, body: '{"hello":"Jürgen"}' });
      t.strictSame(await example.ask('POST', '/echo', { film: 'Casablanca' }), {
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
