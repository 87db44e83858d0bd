// compose.yaml as somebody has it who has just cloned the repository: what comes up with nothing prepared, what each
// container may do, where the logs are, and the other ways to run it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { image, noCompose, Stack, until } from './compose.ts';

const LOG = '/var/log/movie-quotes/app_logs.log';

interface Line {
  readonly hostname?: string;
  readonly pid: number;
  readonly url?: string;
  readonly msg: string;
}

/** The lines of the log of all containers. Throws for one that is not whole. */
async function linesOf(stack: Stack, file = LOG): Promise<Line[]> {
  const text = await stack.exec('app', `cat ${file}`);
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Line);
}

async function inspect<T>(format: string, ...names: string[]): Promise<T[]> {
  const { stdout } = await run('docker', ['inspect', '--format', `{{json ${format}}}`, ...names], ROOT);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

t.test('docker compose up of a fresh clone', { skip: noCompose() }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-clone-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await run('sh', ['-c', 'git archive HEAD | tar -x -C "$0"', folder], ROOT);
  // Layers for both: Compose builds an image of its own from the clone.
  const existing = await image();
  const tag = process.env.MOVIE_QUOTES_IMAGE ? existing : `movie-quotes:e2e-clone${process.pid}`;
  if (tag !== existing) t.teardown(() => run('docker', ['rmi', tag], ROOT));

  const stack = await Stack.up(t, { folder, image: tag, services: [] });
  const up = async (...words: string[]): Promise<number> => {
    const start = performance.now();
    await stack.compose('up', '--detach', '--wait', ...words).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await stack.logs()}`);
    });
    return (performance.now() - start) / 1000;
  };
  const minimalSeconds = await up('minimal');

  await t.test('up minimal: the application alone, on SQLite', async (t) => {
    t.equal(await stack.compose('ps', '--all', '--services'), 'minimal');
    const url = await stack.url('minimal', 5000);
    t.match(await (await fetch(`${url}/api/v1/quotes/random`)).json(), { film: /./, content: /./ });
    t.match(await stack.exec('minimal', 'ls data'), 'movie-quotes.sqlite');
    t.match(await stack.logs('minimal'), /"msg":"serving :5000"/, 'its log is on standard output');
    await stack.compose('--profile', 'minimal', 'rm', '--stop', '--force', 'minimal');
  });

  const seconds = await up();
  const url = await stack.url();

  await t.test('up: the site, behind Nginx', async (t) => {
    const random = await fetch(`${url}/api/v1/quotes/random`);
    t.equal(random.status, 200);
    t.match(await random.json(), { film: /./, content: /./ });
    for (const cache of ['MISS', 'HIT']) t.equal((await fetch(`${url}/cache-me`)).headers.get('x-cache-status'), cache);
    const [networks] = await inspect<Record<string, { Gateway: string; IPAddress: string }>>(
      '.NetworkSettings.Networks',
      ...(await stack.containers('nginx')),
    );
    const edge = networks?.[`${stack.project}_edge`];
    const info = await fetch(`${url}/info`, { headers: { 'x-forwarded-for': '192.0.2.7' } });
    t.match(
      await info.json(),
      { forwardedAddress: edge?.Gateway, connectingAddress: `${edge?.IPAddress}:`, host: new URL(url).host },
      'the client is this machine, which comes by the gateway, and not whoever it says',
    );
  });

  await t.test('static files are those that the one-shot has laid ready, by Nginx', async (t) => {
    const [path = ''] = /assets\/[^"]+\.css/.exec(await (await fetch(url)).text()) ?? [];
    const style = await fetch(`${url}/${path}`);
    t.equal(style.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    t.equal((await stack.exec('nginx', `cat /opt/movie-quotes/${path}`)).trimEnd(), (await style.text()).trimEnd());
  });

  await t.test('no container may do more than it must', async (t) => {
    const running = (await stack.compose('ps', '--format', '{{.Name}}')).split('\n');
    t.equal(running.length, 4);
    interface Host {
      readonly ReadonlyRootfs: boolean;
      readonly CapDrop: string[];
      readonly SecurityOpt: string[];
      readonly Memory: number;
      readonly NanoCpus: number;
      readonly PidsLimit: number;
      readonly LogConfig: object;
      readonly PortBindings: object;
    }
    const hosts = await inspect<Host>('.HostConfig', ...running);
    for (const [i, name] of running.entries()) {
      const { Memory, NanoCpus, PidsLimit, PortBindings, ...host } = hosts[i] as Host;
      t.match(
        host,
        {
          ReadonlyRootfs: true,
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges:true'],
          LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
        },
        name,
      );
      t.ok(Memory > 0 && NanoCpus > 0 && PidsLimit > 0, `${name} has limits`);
      const { stdout } = await run('docker', ['top', name, '-o', 'uid,args'], ROOT);
      t.notMatch(stdout, /^\s*0 /m, `${name} has no process of root`);
      t.equal(Object.keys(PortBindings).length, name.includes('-nginx-') ? 1 : 0, `the ports of ${name}`);
    }
  });

  await t.test('Nginx cannot reach the databases, and they reach nobody', async (t) => {
    for (const database of ['mariadb', 'mongodb'])
      t.equal(await stack.exec('nginx', `getent hosts ${database} || echo unknown`), 'unknown');
    t.strictSame(await inspect('.Internal', `${stack.project}_back`), [true]);
  });

  await t.test('each deployment has secrets of its own, and one that is lost is not made anew', async (t) => {
    const names = (await stack.exec('app', 'ls /run/secrets')).split('\n');
    t.strictSame(names, [
      'api_token',
      'database_password',
      'mariadb_root_password',
      'mongodb_password',
      'session_secret',
    ]);
    const secrets = (await stack.exec('app', 'for f in /run/secrets/*; do cat $f; echo; done')).split('\n');
    t.equal(new Set(secrets).size, names.length);
    for (const secret of secrets) t.match(secret, /^[\w+/]{43}=$/);
    const create = { method: 'POST', headers: { authorization: `Bearer ${secrets[0]}` } };
    t.equal(
      (await fetch(`${url}/api/v1/quotes`, create)).status,
      400,
      'the token is right, and only the body is missing',
    );

    await stack.compose('run', '--rm', 'secrets', 'rm', 'session_secret');
    const refused = await stack.try('run', '--rm', 'secrets');
    t.equal(refused.status, 1);
    t.match(
      refused.stderr,
      /^secrets: session_secret is missing; put it back: docker compose run .* tee session_secret /m,
    );
    await stack.compose('run', '--rm', 'secrets', 'sh', '-c', `printf %s '${secrets[4]}' >session_secret`);
    await stack.compose('run', '--rm', 'secrets');
    t.equal(await stack.exec('app', 'cat /run/secrets/session_secret'), secrets[4]);
  });

  await t.test('logs are rotated without a lost line', async (t) => {
    const asked: string[] = [];
    const ask = async () => {
      const path = `/hello?rotated=${asked.push(`/hello?rotated=${asked.length}`) - 1}`;
      await fetch(url + path);
    };
    await ask();
    await stack.exec('app', `mv ${LOG} ${LOG}.1`);
    await stack.exec('app', 'tsgi reopen');
    t.notMatch(await stack.exec('app', 'readlink /proc/1/fd/* || true'), `${LOG}.1`, 'the server has let go of it');
    // Whatever comes within a second may still go to the old file.
    await until(
      () => ask().then(() => linesOf(stack)),
      (lines) => lines.some(({ url }) => url === asked.at(-1)),
    );
    const written = [...(await linesOf(stack, `${LOG}.1`)), ...(await linesOf(stack))].map(({ url }) => url);
    t.strictSame(
      written.filter((url) => asked.includes(url ?? '')),
      asked,
    );

    const own = '/var/log/nginx/access.log';
    await stack.exec('nginx', `mv ${own} ${own}.1 && nginx -s reopen`);
    await until(
      () => ask().then(() => stack.exec('nginx', `cat ${own}`)),
      (text) => text.includes('/hello?rotated='),
    );
  });

  await t.test('--scale app=3: each gets requests, and all write whole lines to one file', async (t) => {
    await up('--scale', 'app=3', '--no-recreate');
    // Nginx asks every second who there is.
    const asked = new Map<string, number>();
    const seen = async (): Promise<Set<string>> => {
      for (let i = 0; i < 60; i++) {
        const path = `/hello?scaled=${asked.size}`;
        asked.set(path, (await fetch(url + path)).status);
      }
      return new Set(
        (await linesOf(stack)).filter(({ url = '' }) => asked.has(url)).map((line) => line.hostname as string),
      );
    };
    t.equal((await until(seen, (hosts) => hosts.size === 3)).size, 3, 'three containers have answered');
    t.strictSame(new Set(asked.values()), new Set([200]));
    const lines = await until(
      () => linesOf(stack),
      (lines) => lines.filter(({ url = '' }) => asked.has(url)).length >= asked.size,
    );
    const answered = lines.flatMap(({ url = '' }) => (asked.has(url) ? [url] : []));
    t.strictSame(new Set(answered), new Set(asked.keys()));
    t.equal(answered.length, asked.size, 'a line for each request');
    t.equal(lines.filter(({ msg }) => msg === 'serving :5000').length, 2, 'and those of the servers');
    const own = (await stack.exec('nginx', 'tail -n 60 /var/log/nginx/access.log')).split('\n');
    for (const line of own) JSON.parse(line);
    t.match(
      await stack.exec('app', 'ls /var/log/movie-quotes'),
      /^access\.log\naccess\.log\.1\napp_logs\.log\napp_logs\.log\.1\nerror\.log$/,
    );
  });

  const { stdout: usage } = await run('docker', ['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}'], ROOT);

  await t.test('up unix: Nginx reaches the application by a socket, and not by a network', async (t) => {
    await stack.compose('stop', 'app', 'nginx');
    await up('unix');
    const url = await stack.url('unix');
    t.match(await (await fetch(`${url}/api/v1/quotes/random`)).json(), { film: /./ });
    const [networks] = await inspect<Record<string, { Gateway: string }>>(
      '.NetworkSettings.Networks',
      ...(await stack.containers('unix')),
    );
    t.strictSame(Object.keys(networks ?? {}), [`${stack.project}_edge`]);
    t.match(await (await fetch(`${url}/info`)).json(), {
      connectingAddress: 'unix',
      forwardedAddress: networks?.[`${stack.project}_edge`]?.Gateway,
    });
    t.match(await stack.exec('app-unix', 'getent hosts app'), /^[\d.]+ +app$/, 'Prometheus finds it by the same name');
  });

  const [all = 0] = await inspect<number>('.Size', tag);
  const [base = 0] = await inspect<number>('.Size', 'node:26-bookworm-slim');
  const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const rows = [
    ['image', `${mb(all)}, of which node:26-bookworm-slim is ${mb(base)}`],
    ['up minimal, image built from cached layers', `${minimalSeconds.toFixed(1)} s`],
    ['up, from nothing but images', `${seconds.toFixed(1)} s`],
    ...usage
      .split('\n')
      .filter((line) => line.startsWith(stack.project))
      .map((line) => [`memory of ${line.slice(stack.project.length + 1).replace(' ', ': ')}`])
      .sort(),
  ];
  t.comment(rows.map((row) => row.join(': ')).join('\n'));
});

t.test('what .env must not say is refused before anything starts', { skip: noCompose() }, async (t) => {
  for (const [name, value, line] of [
    ['PORT', 'http', /invalid hostPort: http|invalid.*port.*http/i],
    ['APP_MEMORY', 'plenty', /plenty/],
    ['APP_CPUS', 'two', /two/],
  ] as const) {
    const { status, stderr } = await run('env', [`${name}=${value}`, 'docker', 'compose', 'config', '--quiet'], ROOT);
    t.not(status, 0, name);
    t.match(stderr, line);
  }
});

t.test('Prometheus and Grafana come up for their profile alone', { skip: noCompose() }, async (t) => {
  const services = async (...profile: string[]) =>
    (await run('docker', ['compose', ...profile, 'config', '--services'], ROOT)).stdout.trim().split('\n').sort();
  const plain = await services();
  t.strictSame(plain, ['app', 'mariadb', 'migrate', 'mongodb', 'nginx', 'secrets']);
  t.strictSame(await services('--profile', 'observability'), [...plain, 'grafana', 'prometheus'].sort());
});
