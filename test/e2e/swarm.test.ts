// deploy/swarm on a swarm of this one machine: an update under load loses no request, and one to an image that does not
// work rolls itself back. The files are those of the repository; only the times that Swarm watches an update are shorter.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { image, until } from './compose.ts';
import { type Ended, missing } from './container.ts';

const CLIENTS = 16;

/** The tests leave the swarm at the end, so it must be theirs. */
function noSwarm(): string | false {
  const { stdout } = spawnSync('docker', ['info', '--format', '{{.Swarm.LocalNodeState}}'], { encoding: 'utf8' });
  return stdout.trim() !== 'inactive' && 'skipped: the Docker engine is in a swarm already';
}

async function docker(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run('docker', args, ROOT);
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A swarm of this machine, with the secrets and the node that the stack asks for. All of it goes when `t` ends. */
async function swarm(t: Test, base: string): Promise<Swarm> {
  const name = `tsgi-e2e-${process.pid}-${randomBytes(4).toString('hex')}`;
  const remove = `cat
    docker stack rm "$0"
    docker swarm leave --force
    # Its containers end after it.
    while docker ps --all --quiet --filter "label=com.docker.stack.namespace=$0" | xargs --no-run-if-empty docker rm --force | grep -q .
    do sleep 0.2; done
    docker volume ls --quiet --filter "name=$0" | xargs --no-run-if-empty docker volume rm --force
    docker images --quiet "$0" | xargs --no-run-if-empty docker rmi --force`;
  const remover = spawn('sh', ['-c', remove, name], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const removed = once(remover, 'exit');
  t.teardown(async () => {
    remover.stdin.end();
    await removed;
  });
  await docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  const folder = t.testdir();
  await cp(join(ROOT, 'deploy/swarm'), join(folder, 'deploy/swarm'), { recursive: true });
  await cp(join(ROOT, 'nginx'), join(folder, 'nginx'), { recursive: true });
  const port = await freePort();
  return {
    name,
    folder,
    port,
    deploy: (image) =>
      run(
        'timeout',
        // An update that Swarm neither completes nor takes back fails.
        [
          '300',
          'env',
          `STACK=${name}`,
          `PORT=${port}`,
          'RESOLVE_IMAGE=never',
          join(folder, 'deploy/swarm/deploy'),
          image,
        ],
        folder,
      ),
    async variant(tag, ...lines) {
      const file = join(folder, `Dockerfile.${tag}`);
      await writeFile(file, [`FROM ${base}`, ...lines].join('\n'));
      await docker('build', '--quiet', '--tag', `${name}:${tag}`, '--file', file, join(folder, 'deploy/swarm'));
      return `${name}:${tag}`;
    },
    async images() {
      const running = ['--filter', 'desired-state=running', '--format', '{{.Image}} {{.CurrentState}}'];
      const tasks = await docker('service', 'ps', ...running, `${name}_app`);
      return tasks
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ').slice(0, 2).join(' '));
    },
  };
}

interface Swarm {
  readonly name: string;
  /** A copy of the files. */
  readonly folder: string;
  readonly port: number;
  deploy(image: string): Promise<Ended>;
  /** An image that has more lines in its Dockerfile. */
  variant(tag: string, ...lines: string[]): Promise<string>;
  /** The image and the state of each container of the application that there should be. */
  images(): Promise<string[]>;
}

/** What Nginx had to say, the first and the last of it. */
async function complaintsOf({ name }: Swarm): Promise<string> {
  const { stdout, stderr } = await run('docker', ['service', 'logs', '--raw', `${name}_nginx`], ROOT);
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => /"status":5|\[(error|crit|alert|emerg)\]/.test(line));
  return [...lines.slice(0, 20), '...', ...lines.slice(-20)].join('\n');
}

/** Clients with a connection each, of which every third one writes. */
function startLoad(port: number): { readonly answers: () => number; stop(): Promise<Record<string, number>> } {
  const failures: Record<string, number> = {};
  let answers = 0;
  let stopping = false;
  const client = async (i: number): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const writes = i % 3 === 0;
    while (!stopping) {
      const failed = await ask(agent, port, writes);
      if (failed === null) answers++;
      else failures[failed] = (failures[failed] ?? 0) + 1;
      // The swarm must have processor time for itself: what is counted is losses, not speed.
      await delay(20);
    }
    agent.destroy();
  };
  const over = Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)));
  return {
    answers: () => answers,
    async stop() {
      stopping = true;
      await over;
      return failures;
    },
  };
}

/** What went wrong with a request; null where nothing did. */
async function ask(agent: http.Agent, port: number, writes: boolean): Promise<string | null> {
  try {
    const path = writes ? '/api/v1/quotes/1/reactions' : '/api/v1/quotes/random';
    const headers = writes ? { 'content-type': 'application/json', 'idempotency-key': randomUUID() } : {};
    const request = http.request({ port, path, agent, headers, method: writes ? 'POST' : 'GET' });
    request.end(writes ? '{"kind":"like"}' : undefined);
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of reply) text += chunk;
    JSON.parse(text);
    return reply.statusCode === 200 ? null : `${reply.statusCode}`;
  } catch (error) {
    return String(error);
  }
}

test('Movie Quotes on a swarm', {
  skip: missing('node:26-bookworm-slim', 'nginx:1.30', 'mariadb:11.8', 'mongo:8') || noSwarm(),
}, async (t) => {
  const site = await swarm(t, await image());
  const stack = join(site.folder, 'deploy/swarm/stack.yaml');

  await t.test('says what is missing before it begins', async (t) => {
    const { status, stderr } = await site.deploy('none');
    t.equal(status, 2);
    t.match(stderr, `there is no secret ${site.name}_database_password`);
  });

  for (const secret of [
    'database_password',
    'mariadb_root_password',
    'mongodb_password',
    'session_secret',
    'api_token',
  ]) {
    const file = join(site.folder, secret);
    await writeFile(file, randomBytes(32).toString('hex'));
    await docker('secret', 'create', `${site.name}_${secret}`, file);
  }

  await t.test('names the node for the databases', async (t) => {
    const { status, stderr } = await site.deploy('none');
    t.equal(status, 2);
    t.match(stderr, 'no node has the databases');
  });

  await docker('node', 'update', '--label-add', 'movie-quotes=data', await docker('node', 'ls', '--quiet'));
  const text = await readFile(stack, 'utf8');
  const shorter = text
    .replace('x-settings: &settings\n', 'x-settings: &settings\n  LIMIT_READS: "0"\n  LIMIT_WRITES: "0"\n')
    .replaceAll(/monitor: 1\ds/g, 'monitor: 5s');
  await writeFile(stack, shorter);
  const one = await site.variant('one', 'ENV RELEASE=one');
  const two = await site.variant('two', 'ENV RELEASE=two');
  const url = `http://127.0.0.1:${site.port}`;

  await t.test('comes up with its databases behind Nginx', async (t) => {
    const { status, stdout, stderr } = await site.deploy(one);
    if (status !== 0) t.comment(stdout, stderr, await docker('stack', 'ps', '--no-trunc', site.name));
    t.equal(status, 0);
    const random = await until(
      () => fetch(`${url}/api/v1/quotes/random`),
      ({ ok }) => ok,
    );
    t.match(await random.json(), { film: String, content: String });
    await (await fetch(`${url}/cache-me`)).text();
    t.equal((await fetch(`${url}/cache-me`)).headers.get('x-cache-status'), 'HIT');
    const asset = /href="[./]*(assets\/[^"]+\.css)"/.exec(await (await fetch(url)).text())?.[1];
    t.equal(
      (await fetch(`${url}/${asset}`)).status,
      200,
      'static files come from the application, and then from the cache',
    );
    const info = (await (await fetch(`${url}/info`)).json()) as { connectingAddress: string; forwardedAddress: string };
    t.match(info.forwardedAddress, /^\d+\.\d+\.\d+\.\d+$/);
    t.not(info.connectingAddress.split(':')[0], info.forwardedAddress, 'the client, and not Nginx');
    t.strictSame(await site.images(), [`${one} Running`, `${one} Running`]);
  });

  const load = startLoad(site.port);
  t.teardown(() => load.stop());
  const answered = async (more: number): Promise<void> => {
    const wanted = load.answers() + more;
    while (load.answers() < wanted) await delay(20);
  };
  await answered(200);

  await t.test('is updated to another image', async (t) => {
    const { status, stderr } = await site.deploy(two);
    t.equal(status, 0, stderr);
    t.strictSame(await site.images(), [`${two} Running`, `${two} Running`]);
    await answered(200);
    t.comment(`${load.answers()} answers so far`);
  });

  const broken = {
    'does not start': await site.variant(
      'broken',
      'ENV TSGI_APP=/opt/movie-quotes/current/none.ts:createApplication()',
    ),
    'never says that it is ready': await site.variant(
      'sick',
      'HEALTHCHECK --interval=1s --timeout=3s --retries=2 CMD ["false"]',
    ),
  };
  for (const [what, image] of Object.entries(broken)) {
    await t.test(`goes back to the one before by itself where the new one ${what}`, async (t) => {
      const { status, stderr } = await site.deploy(image);
      t.equal(status, 1);
      t.match(stderr, `deploy: ${site.name}_app: rollback completed\n${image}: `);
      t.strictSame(await site.images(), [`${two} Running`, `${two} Running`]);
      await answered(200);
      t.comment(`${load.answers()} answers so far; ${stderr.split('\n').at(-3)}`);
    });
  }

  await t.test('loses no request meanwhile', async (t) => {
    const failures = await load.stop();
    t.comment(`${load.answers()} requests of ${CLIENTS} clients, a third of them likes`);
    if (Object.keys(failures).length > 0) t.comment(await complaintsOf(site));
    t.strictSame(failures, {});
  });
});
