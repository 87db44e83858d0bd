// Movie Quotes while it is reloaded again and again: a visitor's browser, an administrator, a listener of live reactions and
// programs that write notice nothing.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import t from 'tap';
import { start } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { serve, type Target } from './fixtures/served.ts';

const SECONDS = 60;
const EVERY = 2000;
const WORKERS = 4;
/** More than the quotes that came with the application. */
const BUNDLED = 330;
const TOKEN = 'a-token-for-this-test-alone';
const PASSWORD = 'correct horse battery staple';
const CHROMIUM = '/usr/bin/chromium';
const PACKAGE = join(ROOT, 'packages/app-movie-quotes');

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What one kind of client did. */
class Actor {
  readonly failures: string[] = [];
  requests = 0;
  readonly #port: number;
  readonly #agent: http.Agent = new http.Agent({ keepAlive: true });
  readonly cookies: Map<string, string> = new Map();

  constructor(port: number) {
    this.#port = port;
  }

  /** One request, on a connection that is kept. Each piece of the body is sent when the one before is on its way. */
  async ask(method: string, path: string, headers: http.OutgoingHttpHeaders = {}, body: string[] = []): Promise<Reply> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const request = http.request({
      host: '127.0.0.1',
      port: this.#port,
      method,
      path,
      agent: this.#agent,
      headers: {
        ...(cookie !== '' && { cookie }),
        ...(body.length > 0 && { 'content-length': Buffer.byteLength(body.join('')) }),
        ...headers,
      },
    });
    for (const [i, piece] of body.entries()) {
      if (i > 0) await delay(100);
      request.write(piece);
    }
    request.end();
    this.requests++;
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    for (const line of response.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) as RegExpExecArray;
      this.cookies.set(name as string, value as string);
    }
    return { status: response.statusCode as number, headers: response.headers, body: text };
  }

  form(path: string, fields: Record<string, string>): Promise<Reply> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.ask('POST', path, headers, [String(new URLSearchParams(fields))]);
  }

  /** Runs `once` again and again until `stop`; what it throws is a failure. */
  async again(stop: AbortSignal, once: () => Promise<void>): Promise<void> {
    while (!stop.aborted) {
      try {
        await once();
      } catch (error) {
        this.failures.push(String(error));
      }
      await delay(20);
    }
    this.#agent.destroy();
  }

  expect(reply: Reply, ...statuses: number[]): void {
    if (!statuses.includes(reply.status)) this.failures.push(`${reply.status}: ${reply.body.slice(0, 300)}`);
  }
}

const fieldOf = (html: string, name: string): string =>
  new RegExp(`name="${name}"[^>]*value="([^"]*)"`).exec(html)?.[1] ?? '';

/** Writes a quote in small pieces, reads it, changes it, and takes it away. */
async function writer(actor: Actor, stop: AbortSignal): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  let written = 0;
  await actor.again(stop, async () => {
    const quote = {
      film: 'A film of this test',
      year: 2001,
      content: `line ${written} `.repeat(20).trim(),
      speaker: 'Somebody',
    };
    const pieces = JSON.stringify(quote).match(/.{1,60}/gs) as string[];
    const created = await actor.ask('POST', '/api/v1/quotes', headers, pieces);
    actor.expect(created, 201);
    const { id } = JSON.parse(created.body);
    actor.expect(await actor.ask('GET', `/api/v1/quotes/${id}`), 200);
    const etag = created.headers.etag as string;
    const changed = JSON.stringify({ ...quote, speaker: 'Somebody else' });
    actor.expect(await actor.ask('PUT', `/api/v1/quotes/${id}`, { ...headers, 'if-match': etag }, [changed]), 200);
    actor.expect(await actor.ask('DELETE', `/api/v1/quotes/${id}`, { authorization: `Bearer ${TOKEN}` }), 204);
    written++;
  });
  return written;
}

/** Likes quotes, each like with a key of its own. */
async function liker(actor: Actor, stop: AbortSignal): Promise<number> {
  let likes = 0;
  await actor.again(stop, async () => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': `like-${likes}` };
    actor.expect(await actor.ask('POST', '/api/v1/quotes/7/reactions', headers, ['{"kind":"like"}']), 200);
    likes++;
    await delay(50);
  });
  return likes;
}

/** Listens to live reactions, and comes again with the last id whenever the stream has ended. */
async function listener(port: number, stop: AbortSignal): Promise<{ ids: number[]; streams: number; cut: string[] }> {
  const ids: number[] = [];
  const cut: string[] = [];
  let streams = 0;
  while (!stop.aborted) {
    try {
      const headers = ids.length > 0 ? { 'last-event-id': String(ids.at(-1)) } : {};
      const path = '/api/v1/reactions/stream';
      const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers, signal: stop });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      streams++;
      let rest = '';
      for await (const chunk of response.setEncoding('utf8')) {
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() as string;
        for (const block of blocks) {
          const id = /^id: ?(\d+)$/m.exec(block)?.[1];
          if (id !== undefined && /^event: ?like$/m.test(block)) ids.push(Number(id));
        }
      }
    } catch (error) {
      if (!stop.aborted) cut.push(String(error));
    }
  }
  return { ids, streams, cut };
}

/** Signs in once, and then changes a quote and looks at what was changed. */
async function administrator(actor: Actor, stop: AbortSignal): Promise<void> {
  const page = await actor.ask('GET', '/admin/sign-in');
  actor.expect(page, 200);
  const signedIn = await actor.form('/admin/sign-in', {
    _csrf: fieldOf(page.body, '_csrf'),
    name: 'keeper',
    password: PASSWORD,
  });
  actor.expect(signedIn, 302, 303);
  await actor.again(stop, async () => {
    actor.expect(await actor.ask('GET', '/admin'), 200);
    const form = await actor.ask('GET', '/admin/quotes/9');
    actor.expect(form, 200);
    const fields = ['_csrf', 'version', 'film', 'year', 'speaker'].map((name) => [name, fieldOf(form.body, name)]);
    const content = `The line as of ${Date.now()}`;
    actor.expect(await actor.form('/admin/quotes/9', { ...Object.fromEntries(fields), content }), 302, 303);
    actor.expect(await actor.ask('GET', '/admin/audit'), 200);
    await delay(200);
  });
}

/** A person with a browser: another quote, its film, a like, a search. Resolves to what the browser says went wrong. */
async function visitor(url: string, stop: AbortSignal): Promise<{ pages: number; wrong: string[] }> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const wrong: string[] = [];
  let pages = 0;
  try {
    const page = await browser.newPage();
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? '';
      // What a page asked for when it was left is given up by the browser itself.
      if (why !== 'net::ERR_ABORTED') wrong.push(`${request.method()} ${request.url()}: ${why}`);
    });
    page.on('response', (response) => {
      // A random quote may be one that the writer takes away again.
      const isWritten = response.status() === 404 && Number(/\/quotes\/(\d+)/.exec(response.url())?.[1]) > BUNDLED;
      if (response.status() >= 400 && !isWritten) wrong.push(`${response.url()}: ${response.status()}`);
    });
    page.on('pageerror', (error) => wrong.push(String(error)));
    while (!stop.aborted) {
      await page.goto(url);
      await page.getByRole('link', { name: 'Another one' }).click();
      await page.waitForURL(/\/quotes\/\d+$/);
      const like = page.getByRole('button', { name: /like/i }).first();
      await Promise.all([page.waitForResponse((response) => response.request().method() === 'POST'), like.click()]);
      await page.goto(`${url}/quotes`);
      await page.getByRole('searchbox').fill('love');
      await page.waitForURL(/love/);
      pages += 4;
    }
  } catch (error) {
    if (!stop.aborted) wrong.push(String(error));
  } finally {
    await browser.close();
  }
  return { pages, wrong };
}

const skip = existsSync(CHROMIUM) ? false : 'there is no /usr/bin/chromium';

t.test(`a reload every ${EVERY / 1000} s for ${SECONDS} s fails no request of anybody`, { skip }, async (t) => {
  const cwd = t.testdir();
  const env = {
    DATABASE_FILE: join(cwd, 'movie-quotes.sqlite'),
    CARD_CACHE: join(cwd, 'cards'),
    SESSION_SECRET: 'a secret of at least thirty-two characters',
    API_TOKEN: TOKEN,
    LIMIT_READS: '0',
    LIMIT_WRITES: '0',
    LOG_REQUESTS: 'false',
    LOG_LEVEL: 'warn',
  };
  const quotes = [join(PACKAGE, 'src/cli/main.ts'), 'admin', 'create', 'keeper'];
  const child = start(process.execPath, ['--conditions=@tsgi/source', ...quotes], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin?.end(`${PASSWORD}\n`);
  t.strictSame(await once(child, 'exit'), [0, null], 'there is an administrator');

  const args = ['-b', '127.0.0.1:0', '--workers', String(WORKERS), '--reload-watch', '500ms'];
  const served = serve(t, args, { app: `${PACKAGE}/gateway.ts:createApplication()`, cwd, env });
  const { port } = (await served.target()) as Target & { readonly kind: 'tcp' };
  const stop = new AbortController();
  const late = new AbortController();
  const [writes, likes, administers] = [new Actor(port), new Actor(port), new Actor(port)];
  const clients = Promise.all([
    writer(writes, stop.signal),
    liker(likes, stop.signal),
    administrator(administers, stop.signal),
    visitor(`http://127.0.0.1:${port}`, stop.signal),
  ]);
  const heard = listener(port, late.signal);
  for (let i = 0; i < (SECONDS * 1000) / EVERY; i++) {
    served.signal('SIGHUP');
    await delay(EVERY);
  }
  stop.abort();
  const [written, liked, , { pages, wrong }] = await clients;
  // The last events are polled for once a second.
  await delay(2500);
  late.abort();
  const { ids, streams, cut } = await heard;

  const reloads = served.lines.filter(({ msg }) => msg === 'reloaded').length;
  t.comment(
    `${reloads} reloads; ${written} quotes written, ${liked} likes, ${pages} pages in the browser, ${streams} streams`,
  );
  t.comment(`${writes.requests + likes.requests + administers.requests} requests beside the browser's`);
  // Each starts four workers on as many cores as there are; those that are asked for meanwhile become one.
  t.ok(reloads >= 4, `${reloads} reloads`);
  t.strictSame(writes.failures, [], 'programs that write');
  t.strictSame(likes.failures, [], 'programs that like');
  t.strictSame(administers.failures, [], 'the administrator stays signed in');
  t.strictSame(wrong, [], "the visitor's browser");
  t.strictSame(cut, [], 'streams end, and are not cut');
  t.strictSame(
    ids,
    [...new Set(ids)].sort((a, b) => a - b),
    'no event comes twice, or out of order',
  );
  t.ok(ids.length >= liked, `${ids.length} likes were heard of ${liked} by programs and some by the visitor`);
  t.match(served.errors, /^$/);
});
