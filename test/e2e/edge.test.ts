// Hostile requests at the edge: Movie Quotes behind the sites of nginx/, and what both of them make of what no browser sends.
// Each request is refused by one of them, or it is one request to the application, for the path that Nginx matched.

import net from 'node:net';
import t, { type Test } from 'tap';
import { missing } from './container.ts';
import { compareLogs, EdgeSite, IMAGE } from './fixtures/edge-site.ts';
import { HARMLESS, REFUSED } from './fixtures/hostile.ts';

type Named = { readonly Host: string };

/** What came back on one connection. */
interface Reply {
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Sends bytes, and gives all that comes until the other side closes, or until nothing more comes for a while. */
function send(port: number, bytes: string): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
      // Nginx keeps the connection for a while after it has refused a body, to read the rest.
      socket.setTimeout(1000);
    });
    socket.on('error', () => {});
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('close', () => {
      resolve({ text, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status)) });
    });
    socket.write(bytes, 'latin1');
  });
}

const isRefusal = (status: number): boolean => (status >= 400 && status < 500) || status === 501 || status === 505;

/** Does `work` with each of them, at most 20 at once. */
async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const client = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await work(one);
  };
  await Promise.all(Array.from({ length: 20 }, client));
}

async function refuseAll(t: Test, site: EdgeSite): Promise<void> {
  await each(REFUSED, async ({ name, bytes }) => {
    const { statuses, text } = await send(site.http, bytes);
    t.equal(statuses.length, 1, `${name}: one answer (${statuses.join(' ')})`);
    t.ok(statuses.every(isRefusal), `${name}: ${statuses.join(' ')}`);
    t.notMatch(text, /root:|name="password"|x-cache-status: HIT/i, `${name} gives nothing away`);
  });
}

async function takeAll(t: Test, site: EdgeSite): Promise<void> {
  await each(HARMLESS, async ({ name, bytes }) => {
    const { statuses, text } = await send(site.http, bytes);
    t.equal(statuses.length, 1, `${name}: one answer (${statuses.join(' ')})`);
    t.ok(statuses[0] === 200 || statuses[0] === 401, `${name}: ${statuses.join(' ')}`);
    t.notMatch(text, /evil\.example|name="password"/, `${name} gives nothing away`);
  });
}

/** Clients that send a byte now and then, or nothing more at all; gives what they got. */
function startSlow(port: number): Promise<Reply[]> {
  const head = 'POST /api/v1/quotes?slow HTTP/1.1\r\nHost: a\r\nX-Slow: ';
  const slow = async (first: string, next: string): Promise<Reply> => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
    });
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(first);
    const writing = setInterval(() => socket.write(next), 1000);
    // Nginx gives a head 15 s and a body 30 s between two parts of it.
    const bound = setTimeout(() => socket.destroy(), 45_000);
    await closed;
    clearInterval(writing);
    clearTimeout(bound);
    return { text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)) };
  };
  return Promise.all([
    ...Array.from({ length: 200 }, () => slow(head, 'a')),
    ...Array.from({ length: 100 }, () => slow(`${head}\r\nContent-Length: 1000\r\n\r\n{`, '')),
  ]);
}

t.test('hostile requests', { skip: missing(IMAGE) }, async (t) => {
  const site = await EdgeSite.start(t);
  const origin = `http://127.0.0.1:${site.http}`;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Reply> => {
    const lines = Object.entries({ Host: 'quotes.example', ...headers, Connection: 'close' });
    return send(
      site.http,
      `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
  };
  const bodyOf = ({ text }: Reply): string => text.slice(text.indexOf('\r\n\r\n') + 4);
  const cacheOf = ({ text }: Reply): string | undefined => /^x-cache-status: (\S+)/im.exec(text)?.[1];

  await site.use('movie-quotes-tcp');
  t.test('over TCP: refused', (t) => refuseAll(t, site));
  t.test('over TCP: taken for what they are', (t) => takeAll(t, site));
  t.test('over TCP: both logs agree', (t) => compareLogs(t, site));

  t.test('by the Unix socket', async (t) => {
    await site.use('movie-quotes-unix');
    const slow = startSlow(site.http);
    t.test('refused', (t) => refuseAll(t, site));
    t.test('taken for what they are', (t) => takeAll(t, site));

    t.test('nothing of one client that the cache does not tell apart gets to another', async (t) => {
      const unkeyed = {
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Prefix': '/evil.example',
        'X-Forwarded-Port': '666',
        'X-Forwarded-Server': 'evil.example',
        'X-Host': 'evil.example',
        'X-Original-Host': 'evil.example',
        'X-Original-URL': '/admin',
        'X-Rewrite-URL': '/admin',
        'X-HTTP-Method-Override': 'DELETE',
        'X-HTTP-Method': 'POST',
        Forwarded: 'host=evil.example;proto=https',
        Via: '1.1 evil.example',
        Origin: 'https://evil.example',
        Referer: 'https://evil.example/',
        'User-Agent': '<script>evil.example</script>',
        Accept: 'text/evil.example',
        'Accept-Language': 'evil.example',
        Cookie: 'mq_visitor=evil.example; a=evil.example',
        Range: 'bytes=0-9',
        'If-None-Match': '*',
        'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT',
        'X-Oversized': 'a'.repeat(6000),
        'X-Metacharacter': 'a\x07b',
        'Content-Length': '0',
        'Content-Type': 'evil/example',
        'Transfer-Encoding': 'evil',
        Expect: 'evil.example',
        Upgrade: 'websocket',
      };
      for (const path of ['/', '/films/7', '/feed.xml', '/robots.txt', '/api/v1/quotes']) {
        const wanted = bodyOf(await get(path));
        await each(Object.entries(unkeyed), async ([name, value]) => {
          // Each by a host of its own, of which there is no copy yet: the hostile request makes it, and the next one gets it.
          const Host = `${name.toLowerCase()}.test`;
          await get(path, { Host, [name]: value });
          const reply = await get(path, { Host });
          t.equal(reply.statuses[0], 200, `${path} after ${name}`);
          t.ok(bodyOf(reply).replaceAll(Host, 'quotes.example') === wanted, `${path} is what it was, after ${name}`);
          t.notMatch(reply.text, /evil\.example/);
        });
      }
    });

    t.test('a cached answer has no cookie, and is whole', async (t) => {
      const paths = ['/', '/quotes', '/films', '/films/7', '/quotes/7/card.png', '/api/v1/quotes/7', '/cache-me'];
      await each(paths, async (path) => {
        const [part, whole] = ['part', 'whole'].map((name) => ({ Host: `${name}.test` })) as [Named, Named];
        const ranged = await get(path, { ...part, Range: 'bytes=0-3', 'If-Range': '"x"' });
        t.match(ranged.statuses, [200], `${path}: a part is not kept as the whole`);
        const head = await send(site.http, `HEAD ${path} HTTP/1.1\r\nHost: whole.test\r\nConnection: close\r\n\r\n`);
        t.match([bodyOf(head), cacheOf(head)], ['', 'MISS']);
        for (const host of [part, whole]) {
          const kept = await get(path, host);
          t.equal(cacheOf(kept), 'HIT');
          t.equal(String(bodyOf(kept).length), /^content-length: (\d+)/im.exec(kept.text)?.[1]);
          t.notMatch(kept.text, /^set-cookie/im);
        }
      });
    });

    t.test('a page behind the sign-in is kept for nobody, whatever it is called', async (t) => {
      await site.addAdmin('ada', 'a long enough password');
      const page = await fetch(`${origin}/admin/sign-in`);
      const csrf = /name="_csrf" value="([^"]+)"/.exec(await page.text())?.[1] as string;
      const cookie = (reply: Response) => /^[^;]+/.exec(reply.headers.getSetCookie()[0] as string)?.[0] as string;
      const form = { _csrf: csrf, name: 'ada', password: 'a long enough password' };
      const signedIn = await fetch(`${origin}/admin/sign-in`, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers: { cookie: cookie(page) },
        redirect: 'manual',
      });
      t.equal(signedIn.status, 303);
      const session = cookie(signedIn);
      const admin = await get('/admin', { Cookie: session });
      t.match(bodyOf(admin), /ada/);
      t.match(admin.text, /^cache-control: no-store/im);
      const names = [
        ...['/admin', '/admin?.css', '/admin/x.css', '/admin/quotes.css', '/admin/assets/x.js', '/admin;x.css'],
        ...['/admin%2fx.css', '/admin/..%2fquotes', '/admin/%2e%2e/quotes', '/admin/../quotes', '/quotes/..%2fadmin'],
        ...['/assets/..%2fadmin', '/assets/../admin', '/docs/../admin', '/docs/%2e%2e/admin', '/films/1/../../admin'],
        ...[
          '//admin',
          '/%61dmin',
          '/admin/audit',
          '/admin/audit?x=/assets/x.css',
          '/api/v1/quotes/..%2f..%2f..%2fadmin',
        ],
      ];
      // As the browser sends it, and as Nginx does not know it for a session.
      for (const cookies of [session, session.replace('=', ' ='), `x="${session}`, session.toUpperCase()]) {
        await each(names, async (path) => {
          await get(path, { Cookie: cookies });
          const others = await get(path);
          t.not(cacheOf(others), 'HIT', path);
          t.notMatch(bodyOf(others), /\bada\b|sign-out/, `${path} with ${cookies.slice(0, 10)}`);
        });
      }
      for (const path of ['/quotes', '/films', '/']) {
        const mine = await get(`${path}?mine`, { Cookie: session });
        t.equal(cacheOf(mine), undefined, `${path}: who is signed in goes past the cache`);
        t.equal(cacheOf(await get(`${path}?mine`)), 'MISS', 'and leaves nothing there');
      }
      t.equal(
        cacheOf(await get('/docs/x/..%2f')),
        undefined,
        'a way round goes past the cache: here it is another path than there',
      );
    });

    t.test('what Nginx refuses below /api/ it refuses in JSON, and elsewhere on a page', async (t) => {
      const large = 'Content-Length: 2000000\r\n';
      for (const [status, request] of [
        [413, (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${large}\r\n`],
        [405, (path: string) => `TRACE ${path} HTTP/1.1\r\nHost: a\r\n\r\n`],
        [400, (path: string) => `GET ${path} HTTP/1.1\r\nHost: a b\r\n\r\n`],
        [431, (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(9000)}\r\n\r\n`],
        [501, (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n`],
      ] as const) {
        const [problem, page] = await Promise.all([
          send(site.http, request('/api/v1/quotes')),
          send(site.http, request('/quotes')),
        ]);
        const { passed } = await site.logs();
        for (const reply of [problem, page]) {
          t.strictSame(reply.statuses, [status]);
          const id = /^x-request-id: ([0-9a-f]{32})\r$/im.exec(reply.text)?.[1];
          const line = passed.find((line) => line.id === id);
          t.match(line, { status, upstream: '', method: /^[A-Z]+/.exec(request('/'))?.[0] }, 'as it stands in the log');
          t.match(reply.text, /^cache-control: no-store\r$/im);
        }
        t.match(problem.text, /^content-type: application\/problem\+json\r$/im);
        t.match(JSON.parse(bodyOf(problem)), { type: 'about:blank', title: String, status, detail: /\.$/ });
        t.match(page.text, /^content-type: text\/html; charset=utf-8\r$/im);
        t.match(bodyOf(page), /<h1>.+<\/h1>\n {2}<p>.+\.<\/p>/);
      }
      // Not by the address of the machine's own probes, which are not counted.
      const flood = await site.machine.sh(
        `curl --silent --parallel --parallel-max 20 --interface 127.0.0.2 --output /dev/null --write-out '%{http_code} %{content_type} %header{retry-after}\\n' 'http://127.0.0.2/api/v1/quotes?limit=[1-80]&a=[1-8]'`,
      );
      const answers = new Set(flood.split('\n').map((line) => line.trim()));
      t.ok(answers.has('429 application/problem+json 2'), [...answers].join(', '));
    });

    t.test('who is slow is given up, and nothing of it gets to the application', async (t) => {
      const begun = performance.now();
      t.equal((await get('/hello')).statuses[0], 200, 'the others are answered meanwhile');
      t.comment(`/hello beside 300 slow clients: ${(performance.now() - begun).toFixed(0)} ms`);
      const replies = await slow;
      t.ok(
        replies.every(({ text }) => text === ''),
        'Nginx says nothing to who says nothing',
      );
      const { passed, seen } = await site.logs();
      const late = passed.filter(({ status }) => status === 408);
      t.equal(late.length, replies.length);
      t.ok(late.every(({ upstream }) => upstream === ''));
      t.notOk(seen.some(({ url }) => url.endsWith('?slow')));
    });

    t.test('both logs agree', (t) => compareLogs(t, site));
  });

  t.test('what may not happen twice is sent to one instance only', async (t) => {
    // An instance that takes requests, writes down which, and breaks off.
    await site.machine.write(
      '/srv/movie-quotes/broken.cjs',
      `const fs = require('fs');
      require('net').createServer((socket) => {
        let text = '';
        socket.on('error', () => {}).on('data', (data) => {
          text += data;
          if (!text.includes('\\r\\n\\r\\n')) return;
          fs.appendFileSync('/srv/movie-quotes/broken.log', text.split(' HTTP/')[0] + '\\n');
          socket.destroy();
        });
      }).listen(process.argv[2], () => { fs.chmodSync(process.argv[2], 0o666); fs.writeFileSync('/srv/movie-quotes/broken.log', ''); });`,
    );
    await site.machine.sh(
      '{ setsid node /srv/movie-quotes/broken.cjs /run/movie-quotes/app-1.sock >/dev/null 2>&1 </dev/null & }',
    );
    await site.machine.until('ls /srv/movie-quotes', (names) => names.includes('broken.log'));
    await site.use('movie-quotes-instances');
    const { seen: before } = await site.logs();
    const broken = () => site.machine.sh('cat /srv/movie-quotes/broken.log');
    const target = '/api/v1/films/7';
    for (const [method, fields, status] of [
      ['POST', 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}', 502],
      ['GET', 'Authorization: so that no cache answers\r\n\r\n', 200],
    ] as const) {
      const statuses: (number | undefined)[] = [];
      // One that has failed is left alone for 2 s; then it gets one request again.
      for (let n = 1; !(await broken()).includes(`${method} ${target}`) && n < 100; n++) {
        const reply = await send(
          site.http,
          `${method} ${target}?${method}=${n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}`,
        );
        statuses.push(reply.statuses[0]);
      }
      t.equal(statuses.at(-1), status, `${method}, which an instance took and broke off: ${statuses.join(' ')}`);
    }
    const { seen } = await site.logs();
    const taken = seen.slice(before.length).map(({ method, url }) => `${method} ${url}`);
    const [post = '', get = ''] = (await broken()).split('\n').filter((line) => line.includes(target));
    t.notOk(taken.includes(post), `${post} was sent to no other one`);
    t.ok(taken.includes(get), `${get} was`);
    t.equal(new Set(taken).size, taken.length, 'and none twice to the same');
  });
});
