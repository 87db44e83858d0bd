// Movie Quotes while its MariaDB is killed, restarted and stopped under readers and writers: who needs the database is told
// to come back (503), and every write that was accepted is there afterwards.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing } from './container.ts';
import { serve } from './fixtures/served.ts';

const IMAGE = 'mariadb:11.8';
const PACKAGE = join(ROOT, 'packages/app-movie-quotes');
const TOKEN = 'a-token-for-this-test-alone';
const WRITERS = 6;
const READERS = 6;
/** Accepted writes between one event and the next. */
const WRITES = 60;
const PAGES = ['/', '/quotes?search=the', '/films/1', '/api/v1/quotes/random', '/api/v1/quotes?limit=10', '/quotes/7'];

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Readers and writers, until they are ended. */
class Load {
  /** What each quote may be now, by its id: one text, or two where it is not known whether the last change was done. */
  readonly quotes = new Map<number, string[]>();
  readonly answers = new Map<number, number>();
  readonly failures: string[] = [];
  accepted = 0;
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #clients: Promise<void>[];
  #number = 0;
  #goesOn = true;
  #wake = (): void => {};

  constructor(port: number) {
    this.#port = port;
    this.#clients = [
      ...Array.from({ length: WRITERS }, () => this.#write()),
      ...Array.from({ length: READERS }, (_, i) => this.#read(i)),
    ];
  }

  /** Resolves when so many more writes were accepted. */
  async accepts(count: number): Promise<void> {
    const end = this.accepted + count;
    await this.#until(() => this.accepted >= end);
  }

  /** Resolves when so many more requests were told to come back. */
  async refuses(count: number): Promise<void> {
    const end = this.refused + count;
    await this.#until(() => this.refused >= end);
  }

  get refused(): number {
    return this.answers.get(503) ?? 0;
  }

  async end(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#clients);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(method: string, path: string, input?: object): Promise<Reply> {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(input && { 'content-type': 'application/json' }) };
    const request = http.request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers });
    request.end(input && JSON.stringify(input));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
    return { status: response.statusCode as number, headers: response.headers, body };
  }

  /** Asks, and notes what may not be: no answer, 5xx other than 503, 503 that does not say when to come back. */
  async #asked(method: string, path: string, input?: object): Promise<Reply> {
    const reply = await this.ask(method, path, input);
    const { status, headers, body } = reply;
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    this.#wake();
    const told = status === 503 && headers['retry-after'] !== undefined;
    if (status >= 500 && !told) this.failures.push(`${method} ${path}: ${status} ${body.slice(0, 300)}`);
    if (status === 503) await delay(20);
    return reply;
  }

  async #write(): Promise<void> {
    while (this.#goesOn) {
      const content = `Line ${this.#number++} of a film that nobody has seen.`;
      const made = await this.#asked('POST', '/api/v1/quotes', quote(content));
      // Where its answer was lost it may have been made all the same, and asking again would find it taken.
      if (made.status !== 201) continue;
      const { id } = JSON.parse(made.body);
      this.#accept(id, [content]);
      const changed = `${content} Or so they say.`;
      const { status } = await this.#asked('PUT', `/api/v1/quotes/${id}`, quote(changed));
      if (status === 200) this.#accept(id, [changed]);
      else this.quotes.set(id, [content, changed]);
    }
  }

  async #read(first: number): Promise<void> {
    for (let i = first; this.#goesOn; i++) {
      const { status, body } = await this.#asked('GET', PAGES[i % PAGES.length] as string);
      if (status !== 200 && status !== 503) this.failures.push(`a page: ${status} ${body.slice(0, 300)}`);
      // Readers at full speed would leave the writers nothing.
      await delay(5);
    }
  }

  #accept(id: number, contents: string[]): void {
    this.quotes.set(id, contents);
    this.accepted++;
  }
}

function quote(content: string): object {
  return { film: 'The Unseen', year: 1999, content, speaker: 'Somebody' };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

t.test('MariaDB killed, restarted and stopped under load', { skip: missing(IMAGE) }, async (t) => {
  // Chosen here: one that Docker chooses is another one after a restart.
  const port = await freePort();
  const password = randomBytes(12).toString('hex');
  const env = ['--env', `MARIADB_ROOT_PASSWORD=${password}`, '--env', 'MARIADB_DATABASE=quotes'];
  const container = await Container.start(t, IMAGE, ['--publish', `127.0.0.1:${port}:3306`, ...env]);
  const docker = async (...args: string[]): Promise<void> => {
    const { status, stderr } = await run('docker', [...args, container.name], ROOT);
    if (status !== 0) throw new Error(stderr);
  };
  const served = serve(t, ['--bind', '127.0.0.1:0', '--workers', '2'], {
    app: `${PACKAGE}/gateway.ts:createApplication()`,
    env: {
      DATABASE_URL: `mariadb://root@127.0.0.1:${port}/quotes`,
      DATABASE_PASSWORD: password,
      DATABASE_TIMEOUT: '2000',
      API_TOKEN: TOKEN,
      LIMIT_WRITES: '0',
      LIMIT_READS: '0',
      LOG_REQUESTS: 'false',
    },
  });
  const target = await served.target();
  if (target.kind !== 'tcp') throw new Error('it serves TCP here');
  const workers = served.alive();
  const load = new Load(target.port);
  t.teardown(() => load.close());

  await load.accepts(WRITES);
  for (const [away, back] of [['kill', 'start'], ['restart'], ['kill', 'start'], ['pause', 'unpause']] as const) {
    await docker(away);
    if (back !== undefined) {
      await load.refuses(READERS + WRITERS);
      await docker(back);
    }
    await load.accepts(WRITES);
  }
  await load.end();
  t.comment(
    `${load.accepted} writes accepted; answers: ${[...load.answers].map((entry) => entry.join(': ')).join(', ')}`,
  );

  t.strictSame(load.failures, []);
  const lost: string[] = [];
  for (const [id, contents] of load.quotes) {
    const { status, body } = await load.ask('GET', `/api/v1/quotes/${id}`);
    if (status !== 200 || !contents.includes(JSON.parse(body).content)) lost.push(`${id}: ${status} ${body}`);
  }
  t.strictSame(lost, [], 'nothing that was accepted is lost');
  t.strictSame(served.alive(), workers, 'no worker was restarted');
  t.notMatch(JSON.stringify(served.lines), password);
});
