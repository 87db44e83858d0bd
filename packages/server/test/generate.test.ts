import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { makeCertificate, noOpenssl } from './fixtures/certificate.ts';
import { tsgi } from './fixtures/command.ts';
import { addressOf, run } from './fixtures/served.ts';

const missing = (program: string, ...args: string[]): string | false =>
  spawnSync(program, args, { stdio: 'ignore' }).status !== 0 && `skipped: ${program} is not installed`;
const noNginx = missing('nginx', '-v');

/** A folder with a short name, for Unix sockets. */
function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Runs `tsgi generate` and gives the files that it wrote. */
async function generate(t: Test, folder: string, ...args: string[]): Promise<(path: string) => string> {
  const output = join(folder, 'out');
  const { status, stderr } = await tsgi(t, ['generate', ...args, '--output', output, '--force'], { cwd: folder });
  t.equal(status, 0, stderr);
  return (path) => readFileSync(join(output, path), 'utf8');
}

/** A configuration of Nginx that has the site `name` of `out` alone, on ports of its own choice, with all its files in `folder`. */
function nginxWith(folder: string, name: string, port: number): string {
  const out = join(folder, 'out');
  for (const path of readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.conf'))) {
    const own = readFileSync(join(out, path), 'utf8')
      .replaceAll(/listen (\[::\]:)?(80|443)( [a-z0-9 ]+)?;/g, (_, v6, old, words = '') =>
        v6 === undefined ? `listen 127.0.0.1:${old === '80' ? port : port + 1}${words};` : '',
      )
      .replaceAll('/etc/nginx/html', join(out, 'html'))
      .replaceAll(/\/var\/(cache|log)\/nginx/g, `${folder}/nginx-$1`);
    writeFileSync(join(out, path), own);
  }
  mkdirSync(join(folder, 'nginx-log'), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  const conf = join(out, 'test.conf');
  writeFileSync(
    conf,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     events {} http { access_log off; ${paths} include sites-available/${name}.conf; }`,
  );
  return conf;
}

/** A port that was free a moment ago, and the one after it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

t.test('every site that is generated passes the test of Nginx itself', { skip: noNginx || noOpenssl }, async (t) => {
  const folder = folderOf(t);
  const { certificate, key } = makeCertificate(folder);
  for (const args of [
    [],
    ['--bind', `unix:${folder}/app.sock`, '--name', 'My shop, the 2nd'],
    ['--bind', '[::1]:8000', '--mount-path', '/a.b(c)', '--forwarded', 'forwarded'],
    ['--certfile', certificate, '--keyfile', key, '--keep-alive', '0', '--limit-body', '0'],
    ['--certificate', certificate, '--certificate-key', key, '--server-name', 'example.org www.example.org'],
    ['--limit-body', '1025', '--limit-request-line', '9000', '--limit-request-fields-size', '1m'],
    ['--upstream', `unix:${folder}/1.sock`, '--upstream', 'localhost:8001', '--upstream', ':8002', '--site', 'a-b.c'],
    [
      '--cache',
      '/',
      '--cache',
      '=/a',
      '--cache',
      '~^/b/[0-9]{1,3}(/|$)',
      '--cache-size',
      '1g',
      '--session-cookie',
      'a',
    ],
    ['--static', '/files/=/srv/files', '--immutable', '/a/b/=/srv/assets/', '--api', '/api/', '--api', '=/b.json'],
    ['--client-rate', '5', '--client-connections', '9', '--acme-webroot', '/var/www/acme', '--main'],
  ]) {
    rmSync(join(folder, 'out'), { recursive: true, force: true });
    await generate(t, folder, 'nginx', ...args);
    const name = args.includes('--name') ? 'my-shop-the-2nd' : args.includes('--site') ? 'a-b.c' : 'tsgi';
    const conf = nginxWith(folder, name, await freePort());
    const { status, stderr } = spawnSync('nginx', ['-t', '-q', '-c', conf, '-p', folder], { encoding: 'utf8' });
    t.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    // Of a self-made certificate there is nothing to warn of, and of an Nginx of today neither.
    t.notMatch(stderr.replace(/.*"listen ... http2" directive is deprecated.*/g, ''), /warn/, args.join(' '));
  }
});

const HEADERS_APP = `export const app = {
  handle: ({ method, target, mountPath, headers, client, scheme, host, id }) => ({
    status: target === '/down' ? 503 : 200,
    headers: [],
    body: JSON.stringify({ method, target, mountPath, headers, client, scheme, host, id }),
  }),
};`;

async function get(port: number, path: string, headers: http.OutgoingHttpHeaders = {}) {
  const request = http.get({ host: '127.0.0.1', port, path, headers, agent: false });
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: reply.statusCode, body: await text(reply) };
}

t.test(
  'behind the generated site, the application knows its client, and nobody can lie about it',
  { skip: noNginx },
  async (t) => {
    for (const forwarded of ['x-forwarded', 'forwarded']) {
      const folder = folderOf(t);
      writeFileSync(join(folder, 'app.js'), HEADERS_APP);
      const bind = ['--bind', `unix:${folder}/app.sock`, '--mount-path', '/shop', '--forwarded', forwarded];
      const served = run(t, ['serve', './app.js:app', ...bind], {}, folder);
      await addressOf(served);
      await generate(t, folder, 'nginx', ...bind);
      const port = await freePort();
      const nginx = spawn('nginx', ['-c', nginxWith(folder, 'tsgi', port), '-p', folder], {
        stdio: 'ignore',
      });
      const ended = once(nginx, 'close');
      t.teardown(async () => {
        nginx.kill('SIGKILL');
        await ended;
      });
      while (!existsSync(join(folder, 'nginx.pid'))) await new Promise(setImmediate);

      const lies = {
        host: `example.org:${port}`,
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-prefix': '/evil',
        forwarded: 'for=6.6.6.6;proto=https;host=evil.example',
        'x-request-id': 'chosen',
        upgrade: 'h2c',
        connection: 'upgrade',
      };
      const seen = JSON.parse((await get(port, '/shop/a?b=1', lies)).body);
      t.match(seen, { target: '/a?b=1', mountPath: '/shop', scheme: 'http', host: `example.org:${port}` }, forwarded);
      t.match(seen.client, { kind: 'ip', address: '127.0.0.1' });
      t.match(seen.id, /^[0-9a-f]{32}$/, 'the id is the one that Nginx has');
      t.notMatch(JSON.stringify(seen), /6\.6\.6\.6|evil|h2c|chosen/);
      const tricky = await get(port, '/shop/', { host: 'x";for=6.6.6.6;host="y' });
      t.equal(tricky.status, 400, 'also not by a host that breaks out of its quotes');

      t.match(await get(port, '/shopping'), { status: 404, body: /nginx/ }, 'what is not mounted is Nginx itself');
      t.match(
        await get(port, '/shop/down'),
        { status: 503, body: /target/ },
        'an answer of the application is its own',
      );
      served.child.kill('SIGTERM');
      await served.exited;
      t.match(await get(port, '/shop/'), { status: 502, body: /does not answer just now/ });
    }
  },
);

t.test(
  'the units that are generated pass the test of systemd itself',
  { skip: missing('systemd-analyze', '--version') },
  async (t) => {
    const folder = folderOf(t);
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/.bin/tsgi'), '#!/bin/sh\n');
    chmodSync(join(folder, 'node_modules/.bin/tsgi'), 0o755);
    for (const args of [
      [],
      ['--bind', ':8000', '--bind', '[::1]:8001', '--bind', `unix:/run/shop/app.sock`, '--socket-owner', 'root:adm'],
      [
        '--user',
        'www-data',
        '--group',
        'www-data',
        '--umask',
        '077',
        '--log-file',
        '/var/log/shop/a.log',
        '--workers',
        'auto',
      ],
      [
        '--bind',
        'unix:/run/shop/app.sock',
        '--unix-only',
        '--environment-file',
        join(folder, 'env'),
        '--link',
        '--instances',
        '--host-files',
        '--backup',
        join(folder, 'node_modules/.bin/tsgi'),
      ],
      ['--node-arg=--title="100% a\\b"', '--pidfile', '/srv/shop.pid', '--env-file', 'a b'],
    ]) {
      rmSync(join(folder, 'out'), { recursive: true, force: true });
      await generate(t, folder, 'systemd', ...args, '--name', 'shop', '--folder', folder);
      const names = readdirSync(join(folder, 'out')).filter((name) => /\.(service|socket|timer)$/.test(name));
      const units = names.map((name) => join(folder, 'out', name.replace('@', '@1')));
      const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', ...units], {
        encoding: 'utf8',
        // Where a template is looked for; the empty one at the end is systemd's own.
        env: { ...process.env, SYSTEMD_UNIT_PATH: `${join(folder, 'out')}:` },
      });
      t.equal(stdout + stderr, '', args.join(' '));
      t.equal(status, 0);
    }
  },
);

t.test('a unit says what the settings say', async (t) => {
  const folder = folderOf(t);
  writeFileSync(
    join(folder, 'tsgi.config.json'),
    '{"app": "./app.js:app", "name": "shop", "workers": 6, "limitConnections": 500}',
  );
  const args = ['--graceful-timeout', '20s', '--drain-delay', '1s', '-b', 'unix:/run/shop/app.sock', '--backlog', '99'];
  const file = await generate(t, folder, 'systemd', ...args);
  const service = file('shop.service');
  const lines = service.split('\n');
  for (const line of [
    'Type=notify',
    `WorkingDirectory=${folder}`,
    `ExecStart=${folder}/node_modules/.bin/tsgi serve`,
    'User=shop',
    'LimitNOFILE=1524',
    'TimeoutStartSec=125',
    'TimeoutStopSec=31',
    'Environment=TSGI_BIND=systemd:shop',
    'Environment=TSGI_GRACEFUL_TIMEOUT=20s',
    'Environment=TSGI_CONTROL_SOCKET=off',
    'RuntimeDirectory=shop-control',
  ])
    t.ok(lines.includes(line), line);
  t.notMatch(service, /TSGI_WORKERS|TSGI_APP/, 'what the configuration file says goes along with the application');
  t.match(
    file('shop.socket'),
    /ListenStream=\/run\/shop\/app\.sock\nFileDescriptorName=shop\nBacklog=99\nSocketMode=0660\n/,
  );
});

const OTHERS = [
  '--migrate',
  'tool up && tool "files"',
  '--mongodb',
  'M',
  '--variable',
  'PRICE=5$',
  '--static',
  '/a/=/srv/a',
];

t.test('the Compose file is one to Compose itself', { skip: missing('docker', 'compose', 'version') }, async (t) => {
  const folder = folderOf(t);
  for (const args of [
    [],
    ['--bind', 'unix:/run/shop/app.sock', '--access-logfile', '/var/log/shop/$access.log', '--user', 'node'],
    ['--monitor-bind', '[::]:9100', '--drain-delay', '2s', '--publish', '5000', '--name', 'Shop'],
    [
      ...'--name my-shop --mariadb DB --secret KEY --volume data=/srv --profile minimal --profile unix'.split(' '),
      ...OTHERS,
    ],
  ]) {
    await generate(t, folder, 'compose', ...args);
    const out = join(folder, 'out');
    const { status, stderr, stdout } = spawnSync(
      'docker',
      ['compose', '-f', join(out, 'compose.yaml'), '--profile', '*', 'config', '--format', 'json'],
      { encoding: 'utf8' },
    );
    t.equal(status, 0, stderr);
    const { services } = JSON.parse(stdout);
    const all = ['app', 'app-unix', 'mariadb', 'migrate', 'minimal', 'mongodb', 'nginx', 'secrets', 'unix'];
    t.strictSame(Object.keys(services).toSorted(), args.includes('--migrate') ? all : ['app', 'nginx']);
    t.equal(services.nginx.depends_on.app.condition, 'service_healthy');
    for (const { type, source } of [...services.nginx.volumes, ...(services.unix?.volumes ?? [])])
      if (type === 'bind') t.ok(existsSync(source), `${source} is among the files`);
    if (args.includes('--migrate')) {
      t.match(services.app.environment, {
        DB_URL: 'mariadb://my_shop@mariadb/my_shop',
        DB_PASSWORD_FILE: '/run/secrets/db_password',
        M_PASSWORD_FILE: '/run/secrets/m_password',
        KEY_FILE: '/run/secrets/key',
        PRICE: '5$',
      });
      t.strictSame(Object.keys(services.unix.depends_on), ['app-unix']);
      t.equal(services['app-unix'].environment.TSGI_BIND, 'unix:/run/my-shop/app.sock');
      const published = Object.values(services as Record<string, { ports?: object[] }>).flatMap(
        ({ ports }) => ports ?? [],
      );
      t.equal(published.length, 3, 'Nginx, Nginx at a socket, and the application alone');
      t.strictSame(Object.keys(services.mariadb.networks), ['back']);
    }
    if (args.includes('$access.log')) t.equal(services.app.environment.TSGI_ACCESS_LOGFILE, args[3]);
    if (args.includes('5000')) {
      t.match(services.nginx.ports, [{ published: '5000', target: 80 }]);
      t.equal(services.app.stop_grace_period, '38s');
      t.match(services.app.healthcheck.test[3], "fetch('http://127.0.0.1:9100/readyz')");
    }
  }
});

t.test('without --output the files are printed, each under its path', async (t) => {
  const { status, stdout } = await tsgi(t, ['generate', 'systemd', 'app.js']);
  t.equal(status, 0);
  t.match(stdout, /^==> tsgi\.service <==\n[^=].*\n==> tsgi\.socket <==\n/s);
});

t.test('a file that is there is not written over, and then none is written; with --force it is', async (t) => {
  const folder = folderOf(t);
  const make = (...args: string[]) => tsgi(t, ['generate', 'nginx', 'app.js', '-o', 'etc', ...args], { cwd: folder });
  mkdirSync(join(folder, 'etc/html'), { recursive: true });
  const page = join(folder, 'etc/html/50x.html');
  writeFileSync(page, 'my own');
  t.match(await make(), { status: 2, stderr: /^tsgi: .*50x\.html is there already; .* --force\n$/ });
  t.strictSame(readdirSync(join(folder, 'etc')), ['html']);
  t.equal(readFileSync(page, 'utf8'), 'my own');
  t.match(await make('--force'), { status: 0, stdout: /tsgi\.conf\n.*50x\.html\n/s });
  t.match(await make(), { status: 0, stdout: '' }, 'files that are as they should be are left');
});

t.test('what no file can be made of is refused in one line', async (t) => {
  for (const [args, line] of [
    [['nginx', '-b', 'systemd'], /^tsgi: nobody can tell where systemd is reached; .*--bind/],
    [['systemd', '-b', 'localhost:0'], /^tsgi: localhost:0 has another port at each start;/],
    [['nginx', '--proxy-protocol'], /--proxy-protocol/],
    [['nginx', '--certificate', '/a'], /--certificate is given without --certificate-key/],
    [['nginx', '--server-name', 'a; include /etc/passwd'], /--server-name is "a; include/],
    [['nginx', '--name', '!'], /the name "!" has no letter/],
    [['compose', '--publish', 'x'], /--publish is "x"/],
    [['compose', '--certfile', 'a', '--keyfile', 'b'], /leave them out/],
    [['compose', '--migrate', 'a\nb'], /--migrate is "a/],
    [['compose', '--mariadb', 'db'], /--mariadb is "db"; it takes a name of capital letters/],
    [['compose', '--secret', 'A=b'], /--secret is "A=b"/],
    [['compose', '--variable', 'A'], /--variable is "A"; it takes NAME=value/],
    [['compose', '--volume', 'data=here'], /--volume is "here"; it takes an absolute path/],
    [['compose', '--profile', 'large'], /--profile is "large"; it takes minimal or unix/],
    [['compose', '--profile', 'unix', '-b', 'unix:/run/a.sock'], /--profile is for an application at a port/],
    [['compose', '--include', 'a b'], /--include is "a b"/],
    [['systemd', '--folder', 'here'], /the folder "here" cannot stand in a unit file/],
    [
      ['systemd', '--user', 'shop\nExecStartPre=/bin/true'],
      /--user is "shop\\nExecStartPre=.*cannot stand in a generated/,
    ],
    [['systemd', '--access-log-format', '{client}\nExecStartPre=/bin/true'], /--access-log-format is /],
    [['nginx', '-b', 'unix:/run/a;b.sock'], /--bind is "unix:\/run\/a;b\.sock"/],
    [['nginx', '--mount-path', '/a"b'], /--mount-path is /],
    [['nginx', '--site', '../a'], /--site is "\.\.\/a"/],
    [['nginx', '--static', '/a=/b'], /--static is "\/a=\/b"; it takes \/path\/=\/folder/],
    [['nginx', '--cache', '/a; include /etc/passwd'], /--cache is "\/a; include/],
    [['nginx', '--cache', '/a', '--cache-size', '1'], /--cache-size is "1"/],
    [['nginx', '--cache', '/a', '--session-cookie', 'a=b'], /--session-cookie is "a=b"/],
    [['nginx', '--client-rate', '0'], /--client-rate is "0"/],
    [['nginx', '--upstream', 'systemd'], /--upstream is "systemd"/],
    [['nginx', '--nginx-version', '1.18'], /--nginx-version is "1\.18"/],
    [['nginx', '--http3'], /--http3 is given; give --certificate as well/],
    [['nginx', '--tls-profile', 'old'], /--tls-profile is "old"/],
    [['systemd', '--link'], /--link is given without --folder/],
    [['systemd', '--instances'], /instances need a path/],
    [['systemd', '--backup', 'backup'], /--backup is "backup"/],
    [['apache'], /unknown command 'apache'/],
  ] as const) {
    const { status, stderr, stdout } = await tsgi(t, ['generate', ...args]);
    t.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    t.match(stderr, line);
    t.match(stderr, /^tsgi: [^\n]+\n$/);
    t.equal(stdout, '');
  }
  t.match(await tsgi(t, ['generate']), { status: 2, stderr: /^Usage: tsgi generate .* nginx .* systemd .* compose /s });
});
