// examples/hello as its README says: its own Compose file, its own image, Nginx in front. Only what npm does not have yet
// is brought along: the packages of this workspace, as tarballs beside the example's files.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { packPublished } from '../tarballs.ts';
import { missing } from './container.ts';

const EXAMPLE = join(ROOT, 'examples/hello');

/** So that a mistake here starves nobody. */
const BOUNDS = `services:
  app: { mem_limit: 512m, pids_limit: 256 }
  nginx: { mem_limit: 256m, pids_limit: 64 }
`;

function noCompose(): string | false {
  const { status } = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' });
  return status !== 0 && 'skipped: there is no docker compose';
}

/** A copy of the example that npm can install: it depends on the tarballs, each in the place of its published package. */
async function installable(folder: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(EXAMPLE, 'package.json'), 'utf8'));
  await cp(EXAMPLE, folder, { recursive: true, filter: (path) => basename(path) !== 'node_modules' });
  for (const [name, tarball] of await packPublished(join(folder, '..'))) {
    await copyFile(tarball, join(folder, basename(tarball)));
    delete manifest.devDependencies[name];
    manifest.dependencies[name] = `file:./${basename(tarball)}`;
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  await writeFile(join(folder, 'bounds.yaml'), BOUNDS);
}

/** Brings the Compose file of `folder` up and gives Nginx's URL. All of it goes when `t` ends, or this process. */
async function up(t: Test, folder: string): Promise<string> {
  const project = `tsgi-e2e-${process.pid}-${randomBytes(4).toString('hex')}`;
  const compose = ['compose', '--project-name', project, '--file', 'compose.yaml', '--file', 'bounds.yaml'];
  const down = [...compose, 'down', '--rmi', 'local', '--volumes', '--remove-orphans', '--timeout', '5'];
  const remover = spawn('sh', ['-c', 'cat; exec docker "$@"', 'sh', ...down], {
    cwd: folder,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const removed = once(remover, 'exit');
  t.teardown(async () => {
    remover.stdin.end();
    await removed;
  });
  // Port 0: the kernel chooses a free one.
  const started = await run('env', ['HELLO_PORT=0', 'docker', ...compose, 'up', '--build', '--wait'], folder);
  const fail = async (what: string): Promise<never> => {
    const { stdout } = await run('docker', [...compose, 'logs', '--no-color'], folder);
    throw new Error(`${what}\n${started.stdout}${started.stderr}${stdout}`);
  };
  if (started.status !== 0) return fail('docker compose up');
  const { stdout } = await run('docker', [...compose, 'port', 'nginx', '80'], folder);
  const url = `http://127.0.0.1:${/:(\d+)\s*$/.exec(stdout)?.[1]}`;
  // Its container runs; that it listens already nobody has said.
  for (let tries = 0; tries < 300; tries++) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return url;
    await delay(100);
  }
  return fail(`nobody answers at ${url}`);
}

test('the example hello behind its Nginx', {
  skip: missing('node:26-bookworm-slim', 'nginx:1.30') || noCompose(),
}, async (t) => {
  const work = await mkdtemp(join(tmpdir(), 'hello-'));
  t.teardown(() => rm(work, { recursive: true }));
  const folder = join(work, 'hello');
  await installable(folder);
  const url = await up(t, folder);

  t.test('/hello says it', async (t) => {
    const response = await fetch(`${url}/hello`);
    t.equal(response.status, 200);
    t.equal(await response.text(), 'Hello World!');
  });

  t.test('/cache-me is made once, and then answered by Nginx', async (t) => {
    const first = await fetch(`${url}/cache-me`);
    const second = await fetch(`${url}/cache-me`);
    t.equal(first.headers.get('x-cache-status'), 'MISS');
    t.equal(second.headers.get('x-cache-status'), 'HIT');
    const made = await first.text();
    t.match(made, /^Made at /);
    t.equal(await second.text(), made);
  });

  t.test('/info tells Nginx and whoever asked it apart, and no client can pretend', async (t) => {
    const headers = { 'user-agent': 'a test', 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7' };
    const response = await fetch(`${url}/info`, { headers });
    t.equal(response.headers.get('x-cache-status'), 'MISS', 'the application was asked');
    const info = (await response.json()) as Record<string, unknown>;
    t.match(info.connectingAddress, /^\d+\.\d+\.\d+\.\d+$/);
    t.match(info.forwardedAddress, /^\d+\.\d+\.\d+\.\d+$/);
    t.not(info.forwardedAddress, info.connectingAddress);
    t.not(info.forwardedAddress, '192.0.2.7');
    t.equal(info.forwardedFor, info.forwardedAddress);
    t.match(info, { host: new URL(url).host, userAgent: 'a test', scheme: 'http' });
    t.ok(info.worker === 1 || info.worker === 2, 'one of its two workers answered');
    const again = await fetch(`${url}/info`);
    t.equal(again.headers.get('x-cache-status'), 'MISS', 'it is kept nowhere');
  });
});
