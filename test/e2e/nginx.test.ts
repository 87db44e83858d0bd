// The sites of nginx/, byte for byte as they stand in the repository, in a real Nginx with a real server behind them.

import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ROOT } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const SITES = globSync('*.conf', { cwd: join(ROOT, 'nginx/sites-available') }).sort();
const CERTIFICATES = '/etc/letsencrypt/live/quotes.example.org';

/** What an Nginx from 1.25.1 on says of what an older one needs. */
const DEPRECATED = /.*the "listen ... http2" directive is deprecated.*\n/g;

/** What stands in the files and older ones do not know: HTTP/3 from 1.25.1 on, `resolve` from 1.27.3 on. */
const isFor = (site: string, [, minor = 0]: number[]): boolean =>
  (minor >= 25 || !site.includes('http3')) && (minor >= 28 || !site.includes('compose'));

const versionIn = (text: string): number[] => /nginx\/([\d.]+)/.exec(text)?.[1]?.split('.').map(Number) ?? [];

const certificate = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** Certificate and key for the name of the TLS sites, as certbot names them. */
function makeCertificate(t: Test): { folder: string; pem: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-nginx-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const files = ['-keyout', join(folder, 'privkey.pem'), '-out', join(folder, 'fullchain.pem')];
  const { status } = spawnSync('openssl', [...certificate, '-subj', '/CN=quotes.example.org', ...files]);
  t.equal(status, 0);
  return { folder, pem: (name) => readFileSync(join(folder, name), 'utf8') };
}

/** The files of the repository at /etc/nginx, and the certificate. */
async function install(machine: Container, pem: (name: string) => string): Promise<void> {
  for (const name of ['fullchain.pem', 'privkey.pem']) await machine.write(`${CERTIFICATES}/${name}`, pem(name));
  await machine.sh('rm -f /etc/nginx/conf.d/* /etc/nginx/sites-enabled/* && cp -r /srv/tsgi/nginx/. /etc/nginx/');
}

const enable = (site: string): string =>
  `rm -f /etc/nginx/sites-enabled/* && ln -s ../sites-available/${site} /etc/nginx/sites-enabled/`;

for (const image of ['nginx:1.30', 'tsgi/systemd:trixie']) {
  t.test(`each site passes the test of Nginx in ${image}`, { skip: missing(image) }, async (t) => {
    const { pem } = makeCertificate(t);
    const machine = await Container.start(t, image, ['--network=none'], ['sleep', 'infinity']);
    await install(machine, pem);
    const version = versionIn(await machine.sh('nginx -v 2>&1'));
    for (const site of SITES.filter((site) => isFor(site, version))) {
      const { status, stderr } = await machine.try(`${enable(site)} && nginx -t -q`);
      t.equal(status, 0, `${site}: ${stderr}`);
      t.equal(stderr.replace(DEPRECATED, ''), '', `${site} is warned of by nothing`);
    }
    const brotli = 'ln -s ../snippets/movie-quotes/brotli.conf /etc/nginx/conf.d/';
    if (image === 'nginx:1.30') await machine.sh(`${brotli} && nginx -t -q`);
    // Debian's own nginx.conf, which a machine has that serves other sites as well.
    await machine.sh(`rm -f /etc/nginx/conf.d/* && rm /etc/nginx/nginx.conf`);
    await machine.write('/etc/nginx/nginx.conf', 'events {} http { include mime.types; include sites-enabled/*; }');
    await machine.sh(`${enable('movie-quotes-unix.conf')} && nginx -t -q`);
  });
}

const noNginx = spawnSync('nginx', ['-v']).status !== 0 && 'skipped: the program nginx is not installed';
t.test("each site passes the test of this machine's own Nginx", { skip: noNginx }, (t) => {
  const { folder } = makeCertificate(t);
  const prefix = join(folder, 'nginx');
  cpSync(join(ROOT, 'nginx'), prefix, { recursive: true });
  cpSync('/etc/nginx/mime.types', join(prefix, 'mime.types'));
  for (const path of ['nginx/sites-enabled', 'log/nginx', 'cache']) mkdirSync(join(folder, path), { recursive: true });
  // All its files are elsewhere, so as to leave those of the machine alone.
  for (const path of globSync('**/*.conf', { cwd: prefix })) {
    const text = readFileSync(join(prefix, path), 'utf8')
      .replaceAll(CERTIFICATES, folder)
      .replaceAll(/\/var\/(log|cache)\//g, `${folder}/$1/`)
      .replaceAll('/run/nginx.pid', `${folder}/nginx.pid`);
    writeFileSync(join(prefix, path), text);
  }
  const version = versionIn(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr);
  for (const site of SITES.filter((site) => isFor(site, version))) {
    const link = join(prefix, 'sites-enabled/site.conf');
    rmSync(link, { force: true });
    symlinkSync(`../sites-available/${site}`, link);
    const { status, stderr } = spawnSync('nginx', ['-t', '-q', '-c', join(prefix, 'nginx.conf')], { encoding: 'utf8' });
    t.equal(status, 0, `${site}: ${stderr}`);
    t.equal(stderr.replace(DEPRECATED, ''), '', `${site} is warned of by nothing`);
  }
  t.end();
});

const IMAGE = 'tsgi/systemd:trixie';

t.test('behind the sites', { skip: missing(IMAGE) }, async (t) => {
  const { pem } = makeCertificate(t);
  const machine = await Container.start(t, IMAGE, ['--network=none', '--init'], ['sleep', 'infinity']);
  await install(machine, pem);
  await machine.write('/srv/edge/edge.mjs', readFileSync(join(ROOT, 'test/e2e/fixtures/edge.mjs'), 'utf8'));
  await machine.sh('mkdir -p /run/movie-quotes && touch /etc/nginx/conf.d/none.conf');

  /** Starts a server that is found by `name`, and waits until it serves. */
  async function serve(name: string, bind: string): Promise<void> {
    const options = `--bind ${bind} --name ${name} --workers 1 --socket-mode 666 --pidfile /run/${name}.pid --log-format json`;
    await machine.sh(
      `cd /srv/edge && { setsid ${TSGI} serve ./edge.mjs:app ${options} >/run/${name}.log 2>&1 </dev/null & }`,
    );
    await machine.until(`cat /run/${name}.log`, (log) => log.includes('"serving '));
  }
  /** Ends it at once, with whatever it has in flight. */
  const kill = async (name: string) => {
    await machine.sh(`kill -QUIT "$(cat /run/${name}.pid)"`);
    await machine.until(`ls /run/${name}.pid 2>/dev/null || echo gone`, (text) => text === 'gone');
  };
  /** Starts Nginx anew, with this site: after a reload, workers with the old one may still answer. */
  const use = (site: string) =>
    machine.sh(`${enable(site)} && nginx -t -q
      if [ -s /run/nginx.pid ]; then nginx -s stop; while [ -e /run/nginx.pid ]; do sleep 0.05; done; fi
      nginx`);

  /** What curl got: its status, headers by lower-case name, body, and the version of HTTP. */
  async function ask(path: string, options = '') {
    const url = path.startsWith('http') ? path : `http://localhost${path}`;
    const written = `--write-out '\\n%{http_code} %{http_version} %{header_json}'`;
    const command = `curl --silent --insecure --max-time 20 --path-as-is ${written} ${options} '${url}'`;
    const { stdout } = await machine.try(command);
    const [, body = '', status, version, headers] = /^(.*)\n(\d{3}) (\S+) (\{.*\})$/s.exec(stdout) ?? [];
    const header = (name: string): string | undefined => JSON.parse(headers ?? '{}')[name]?.join(', ');
    return { status: Number(status), body, version, header, json: () => JSON.parse(body) };
  }
  const cacheStatus = async (path: string, options?: string) => (await ask(path, options)).header('x-cache-status');

  await serve('one', 'unix:/run/movie-quotes/app.sock');
  await use('movie-quotes-unix.conf');

  t.test('the application sees the client, whatever it claims to be', async (t) => {
    const lies = [
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil',
      'Forwarded: for=6.6.6.6',
    ];
    const seen = await ask('/info', lies.map((lie) => `-H '${lie}'`).join(' '));
    t.match(seen.json(), { client: { address: '127.0.0.1' }, scheme: 'http', host: 'localhost' });
    t.notMatch(seen.body, /6\.6\.6\.6|evil/);
    t.match(seen.json().id, /^[0-9a-f]{32}$/);
    t.match(seen.header('x-content-type-options'), 'nosniff');
    t.equal((await ask('/info?h=x-content-type-options:own')).header('x-content-type-options'), 'own', 'but once');
  });

  t.test('what the application lets be kept is kept, and nothing else', async (t) => {
    const kept = '?h=cache-control:public,max-age=60';
    t.equal(await cacheStatus(`/cache-me${kept}`), 'MISS');
    t.equal(await cacheStatus(`/cache-me${kept}`), 'HIT');
    const first = (await ask(`/cache-me${kept}`)).json().answers;
    t.equal((await ask(`/cache-me${kept}`)).json().answers, first);
    for (const [what, path, options] of [
      ['a host that another client made up', `/cache-me${kept}`, "-H 'Host: evil.example'"],
      ['credentials', `/cache-me${kept}`, "-H 'Authorization: Bearer x'"],
      ['a session', `/cache-me${kept}`, "-H 'Cookie: a=b; mq_admin=x'"],
    ] as const) {
      t.not((await ask(path, options)).json().answers, first, `${what} gets an answer of its own`);
    }
    t.equal((await ask(`/cache-me${kept}`)).json().answers, first, 'and leaves none behind for others');
    for (const headers of [
      '?h=cache-control:private,max-age=60',
      '?h=cache-control:no-store',
      '?h=cache-control:no-cache',
      '?h=cache-control:public,max-age=60&h=set-cookie:a=b',
      '?h=cache-control:public,max-age=60&h=vary:*',
      '?n=1',
    ]) {
      const path = `/cache-me${headers}`;
      t.not((await ask(path)).json().answers, (await ask(path)).json().answers, headers);
    }
    t.equal(await cacheStatus(`/info${kept}`), undefined, 'nor is a path that is not among those');
    const vary = `/docs${kept}&h=vary:accept-language`;
    t.equal(await cacheStatus(vary, "-H 'Accept-Language: de'"), 'MISS');
    t.equal(await cacheStatus(vary, "-H 'Accept-Language: fr'"), 'MISS', 'of one with Vary there is a copy for each');
    t.equal(await cacheStatus(vary, "-H 'Accept-Language: de'"), 'HIT');
    const paths = [
      '/',
      '/quotes',
      '/trending',
      '/films',
      '/films/7',
      '/quotes/7/card.png',
      '/api/v1/quotes',
      '/api/v1/films/7',
    ];
    for (const path of paths) t.equal(await cacheStatus(`${path}${kept}`), 'MISS', path);
    for (const path of ['/quotes/7', '/quotes/random', '/api/v1/quotes/random', '/about', '/admin'])
      t.equal(await cacheStatus(`${path}${kept}`), undefined, path);
  });

  t.test('files of the folder are served without the application, others by it', async (t) => {
    await machine.write('/opt/movie-quotes/assets/abc/style.css', 'p { color: red }\n');
    const file = await ask('/assets/abc/style.css');
    t.equal(file.body, 'p { color: red }\n');
    t.equal(file.header('cache-control'), 'public, max-age=31536000, immutable');
    t.match(file.header('content-type'), 'text/css');
    t.equal(file.header('x-content-type-options'), 'nosniff');
    t.equal((await ask('/assets/abc/style.css', `-H 'If-None-Match: ${file.header('etag')}'`)).status, 304);
    t.equal((await ask('/assets/def/style.css?a=b')).json().target, '/assets/def/style.css?a=b', 'of another release');
    for (const path of [
      '/assets/../../../etc/passwd',
      '/assets/..%2f..%2f..%2fetc/passwd',
      '/assets../assets/abc',
      '/assets/%00',
    ])
      t.notMatch((await ask(path)).body, /root:|color: red/, path);
  });

  t.test('a stream comes as it is written, and a WebSocket passes', async (t) => {
    const first = `fetch('http://localhost/events').then(async ({ body }) => {
      for await (const part of body) { process.stdout.write(part); process.exit(); }
    })`;
    t.equal(await machine.sh(`timeout 20 node -e "${first}"`), 'data: first');
    const socket = `const socket = require('net').connect(80, '127.0.0.1');
      socket.write('GET /socket HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n');
      let all = '';
      socket.on('data', (data) => {
        if (all === '') socket.write('over and out');
        all += data;
        if (all.includes('over and out')) { console.log(all); socket.destroy(); }
      });`;
    await machine.write('/srv/edge/socket.cjs', socket);
    t.match(
      await machine.sh('timeout 20 node /srv/edge/socket.cjs'),
      /^HTTP\/1.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s,
    );
  });

  t.test('a body that is too large, and a client that asks for too much', async (t) => {
    t.equal((await ask('/upload', '-X POST --data-binary @/srv/edge/edge.mjs')).status, 200);
    await machine.sh('head -c 1100000 /dev/zero > /srv/edge/large');
    t.equal((await ask('/upload', "-X POST -H 'Expect:' --data-binary @/srv/edge/large")).status, 413);
    const flood = `const http = require('http');
      const agent = new http.Agent({ keepAlive: true, maxSockets: 4, localAddress: process.argv[2] });
      const statuses = {};
      let left = 620;
      const next = () => left-- > 0 && http.get({ port: 80, host: process.argv[2], path: '/assets/abc/style.css', agent }, (reply) => {
        statuses[reply.statusCode] = (statuses[reply.statusCode] ?? 0) + 1;
        reply.resume().on('end', next);
      });
      for (let i = 0; i < 4; i++) next();
      process.on('exit', () => console.log(JSON.stringify(statuses)));`;
    await machine.write('/srv/edge/flood.cjs', flood);
    const statuses = JSON.parse(await machine.sh('node /srv/edge/flood.cjs 127.0.0.2'));
    t.ok(statuses[200] > 500, 'as many as a page and all its parts need');
    t.ok(statuses[429] > 0, `and no more: ${JSON.stringify(statuses)}`);
    t.strictSame(
      JSON.parse(await machine.sh('node /srv/edge/flood.cjs 127.0.0.1')),
      { 200: 620 },
      'the machine itself may',
    );
  });

  t.test('what is large and text is compressed', async (t) => {
    const gzip = await ask('/info?bytes=5000', "--compressed -H 'Accept-Encoding: gzip'");
    t.equal(gzip.header('content-encoding'), 'gzip');
    t.match(gzip.header('vary'), /accept-encoding/i);
    t.equal(gzip.json().filler.length, 5000);
  });

  t.test('the access log is JSON, whatever a client sends, and tells where the time went', async (t) => {
    await ask('/info?"a\\b', `-A 'an "agent" \\\\ {'`);
    await ask('/cache-me?h=cache-control:public,max-age=60');
    const log = await machine.sh('cat /var/log/nginx/movie-quotes.log');
    const lines = log.split('\n').map((line) => JSON.parse(line));
    t.match(
      lines.find(({ userAgent }) => userAgent.includes('agent')),
      { client: '127.0.0.1', method: 'GET', status: 200, upstreamStatus: '200', userAgent: 'an "agent" \\\\ {' },
    );
    t.match(lines.at(-1), { target: /^\/cache-me/, cache: 'HIT', seconds: Number, bytes: Number, upstream: '' });
    t.match(
      lines.find(({ target }) => target === '/upload'),
      { upstreamSeconds: /^\d+\.\d{3}$/, id: /^[0-9a-f]{32}$/ },
    );
  });

  t.test('an application that is slow is given up, and what it says of itself passes', async (t) => {
    t.match(await ask('/info?status=503'), { status: 503, body: /"answers"/ }, 'its own 503 is its own');
    await machine.sh(
      "sed -i 's/proxy_read_timeout 60s/proxy_read_timeout 1s/' /etc/nginx/snippets/movie-quotes/proxy.conf",
    );
    await use('movie-quotes-unix.conf');
    t.match(await ask('/slow'), { status: 504, body: /does not answer just now/ });
    await machine.sh('cp /srv/tsgi/nginx/snippets/movie-quotes/proxy.conf /etc/nginx/snippets/movie-quotes/');
    await use('movie-quotes-unix.conf');
  });

  t.test('while the application is away, there is what was kept, and else a page or JSON', async (t) => {
    const soon = '/films?h=cache-control:public,max-age=1';
    const { answers } = (await ask(soon)).json();
    await kill('one');
    await machine.until(`curl -sI '${`http://localhost${soon}`}'`, (head) => /x-cache-status: STALE/i.test(head));
    t.match(await ask(soon), { status: 200 });
    t.equal((await ask(soon)).json().answers, answers);
    t.equal(await cacheStatus('/cache-me?h=cache-control:public,max-age=60'), 'HIT');
    t.equal((await ask('/assets/abc/style.css')).status, 200);
    const page = await ask('/info');
    t.match(page, { status: 502, body: /http-equiv="refresh" content="10"/ });
    t.match(page.header('content-type'), 'text/html');
    t.equal(page.header('cache-control'), 'no-store');
    t.equal(page.header('retry-after'), '10');
    t.match(await ask('/info', '-X POST -d a=b'), { status: 502, body: /does not answer/ });
    const problem = await ask('/api/v1/quotes/random');
    t.equal(problem.status, 502);
    t.equal(problem.header('content-type'), 'application/problem+json');
    t.match(problem.json(), { title: 'Not available at the moment' });
    t.equal((await ask('/50x.html')).status, 404, 'nobody gets the page by its name');
    await serve('one', 'unix:/run/movie-quotes/app.sock');
    t.equal((await ask('/info')).status, 200, 'and it is back at once');
  });

  t.test('of several instances one may be down', async (t) => {
    await serve('first', 'unix:/run/movie-quotes/app-1.sock');
    await serve('third', '127.0.0.1:5000');
    await use('movie-quotes-instances.conf');
    const pids = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const { status, json } = await ask('/info', i % 2 === 0 ? '' : '-X POST -d a=b');
      t.equal(status, 200);
      pids.add(json().pid);
    }
    t.equal(pids.size, 2, 'both of those that are up');
    await kill('first');
    for (let i = 0; i < 10; i++) t.equal((await ask('/info', i % 2 === 0 ? '' : '-X POST -d a=b')).status, 200);
    await kill('third');
    t.equal((await ask('/info')).status, 502);
    await serve('third', '127.0.0.1:5000');
    await machine.until("curl -s -o /dev/null -w '%{http_code}' http://localhost/info", (status) => status === '200');
  });

  t.test('over TCP', async (t) => {
    await use('movie-quotes-tcp.conf');
    t.match((await ask('/info')).json(), { client: { address: '127.0.0.1' }, host: 'localhost' });
  });

  for (const site of ['movie-quotes-tls.conf', 'movie-quotes-http3.conf']) {
    t.test(`${site}: HTTPS by HTTP/2 and TLS 1.3 alone`, async (t) => {
      await use(site);
      const resolve = '--resolve quotes.example.org:443:127.0.0.1 --resolve quotes.example.org:80:127.0.0.1';
      const reply = await ask('https://quotes.example.org/info', resolve);
      t.equal(reply.version, '2');
      t.match(reply.json(), { scheme: 'https', host: 'quotes.example.org' });
      t.equal(reply.header('strict-transport-security'), 'max-age=63072000');
      t.equal(reply.header('alt-svc'), site.includes('http3') ? 'h3=":443"; ma=86400' : undefined);
      t.equal((await ask('https://quotes.example.org/info', `${resolve} --tls-max 1.2`)).status, 0);
      const redirect = await ask('http://quotes.example.org/a?b=c', resolve);
      t.equal(redirect.status, 308);
      t.equal(redirect.header('location'), 'https://quotes.example.org/a?b=c');
      await machine.write('/var/www/letsencrypt/.well-known/acme-challenge/token', 'proof');
      t.equal((await ask('http://quotes.example.org/.well-known/acme-challenge/token', resolve)).body, 'proof');
    });
  }
});
