// Likes of Movie Quotes while MongoDB is killed and restarted, and a worker with it: every like that was accepted is counted
// once, and no other.

import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing } from './container.ts';
import { serve } from './fixtures/served.ts';

const IMAGE = 'mongo:8';
const PACKAGE = join(ROOT, 'packages/app-movie-quotes');
const LIKES = 5000;
const KILLS = 3;
const CLIENTS = 16;
const QUOTES = 50;

/** Who likes: as programs do, with a key for each like, which is sent again until it is accepted. */
class Clients {
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  #next = 0;
  /** Requests that had no answer, or 503. */
  repeated = 0;
  /** Milliseconds that each accepted like took. */
  readonly times: number[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends the next `count` likes. `halfway` is called in the middle, and they go on meanwhile. */
  async like(count: number, halfway: () => Promise<unknown> = async () => {}): Promise<void> {
    const [middle, end] = [this.#next + Math.floor(count / 2), this.#next + count];
    let event: Promise<unknown> | undefined;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (this.#next < end) {
          const number = this.#next++;
          if (number === middle) event = halfway();
          await this.#accepted(number, 'like');
          // Every tenth one is taken back.
          if (number % 10 === 9) await this.#accepted(number, 'unlike');
        }
      }),
    );
    await event;
  }

  async counts(): Promise<number[]> {
    const replies = Array.from({ length: QUOTES }, async (_, i) => {
      const { likes } = JSON.parse((await this.#ask('GET', `/api/v1/quotes/${i + 1}/reactions`)).body);
      return likes as number;
    });
    return Promise.all(replies);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #accepted(number: number, kind: 'like' | 'unlike'): Promise<void> {
    const began = performance.now();
    const headers = { 'content-type': 'application/json', 'idempotency-key': `like-${number}` };
    for (;;) {
      const path = `/api/v1/quotes/${(number % QUOTES) + 1}/reactions`;
      const reply = await this.#ask('POST', path, headers, JSON.stringify({ kind })).catch(() => undefined);
      if (reply?.status === 200) break;
      // No answer, as of a worker that was killed, or the database was busy: it may have been accepted, or not.
      if (reply !== undefined && reply.status !== 503) throw new Error(`${reply.status}: ${reply.body}`);
      this.repeated++;
      await delay(20);
    }
    this.times.push(performance.now() - began);
  }

  async #ask(method: string, path: string, headers = {}, body = ''): Promise<{ status: number; body: string }> {
    const request = http.request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return { status: response.statusCode as number, body: text };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

t.test(
  `MongoDB killed and restarted ${KILLS} times under ${LIKES} likes, and a worker with it`,
  {
    skip: missing(IMAGE),
  },
  async (t) => {
    // Chosen here: one that Docker chooses is another one after a restart.
    const mongodb = await freePort();
    const container = await Container.start(t, IMAGE, ['--publish', `127.0.0.1:${mongodb}:27017`]);
    const docker = async (...args: string[]): Promise<void> => {
      const { status, stderr } = await run('docker', [...args, container.name], ROOT);
      if (status !== 0) throw new Error(stderr);
    };
    const folder = t.testdir();
    const file = join(folder, 'movie-quotes.sqlite');
    const served = serve(t, ['--bind', '127.0.0.1:0', '--workers', '2'], {
      app: `${PACKAGE}/gateway.ts:createApplication()`,
      cwd: folder,
      env: {
        DATABASE_FILE: file,
        MONGODB_URL: `mongodb://127.0.0.1:${mongodb}/quotes`,
        LIMIT_WRITES: '0',
        LIMIT_READS: '0',
        LOG_REQUESTS: 'false',
      },
    });
    const target = await served.target();
    if (target.kind !== 'tcp') throw new Error('it serves TCP here');
    const clients = new Clients(target.port);
    t.teardown(() => clients.close());
    const database = new DatabaseSync(file, { readOnly: true });
    t.teardown(() => database.close());
    const waiting = (): number =>
      (database.prepare('SELECT COUNT(*) AS count FROM reaction_outbox').get() as { count: number }).count;

    const phase = LIKES / (2 * KILLS + 1);
    const sizes = Array.from({ length: 2 * KILLS }, () => Math.floor(phase));
    const kept: number[] = [];
    for (let i = 0; i < KILLS; i++) {
      await clients.like(sizes[2 * i] as number, () => docker('kill'));
      kept.push(waiting());
      if (i === 1) process.kill(served.alive()[0] as number, 'SIGKILL');
      const from = served.lines.length;
      const back = served.until(({ msg }) => msg.startsWith('MongoDB answers'), from);
      await clients.like(sizes[2 * i + 1] as number, () => docker('start'));
      await back;
    }
    await clients.like(LIKES - sizes.reduce((sum, size) => sum + size, 0));
    const began = performance.now();
    while (waiting() > 0) await delay(20);
    t.comment(`left in the outbox at each kill: ${kept.join(', ')}; the last were delivered in ${ms(began)}`);
    const [p50, p99, slowest] = [0.5, 0.99, 1].map((share) => percentile(clients.times, share).toFixed(1));
    t.comment(`${clients.repeated} requests repeated; p50 ${p50} ms, p99 ${p99} ms, slowest ${slowest} ms`);

    const expected = Array.from({ length: QUOTES }, (_, quote) => {
      const numbers = Array.from({ length: LIKES / QUOTES }, (_, i) => i * QUOTES + quote);
      return numbers.filter((number) => number % 10 !== 9).length;
    });
    t.strictSame(await clients.counts(), expected);
    const counted = await container.sh(`mongosh --quiet --eval 'db.likes.countDocuments({ liked: true })' quotes`);
    t.equal(Number(counted), LIKES * 0.9, 'in MongoDB itself');
    t.ok(
      kept.every((count) => count > 0),
      'each time likes were kept in the outbox',
    );
    const warnings = served.lines.filter(({ level }) => Number(level) >= 40).map(({ msg }) => msg);
    t.strictSame(
      warnings.filter((msg) => !/^MongoDB is away|was killed by SIGKILL/.test(msg)),
      [],
    );
  },
);

function ms(began: number): string {
  return `${Math.round(performance.now() - began)} ms`;
}

function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] as number;
}
