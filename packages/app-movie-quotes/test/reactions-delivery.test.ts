// Reactions on their way to MongoDB: while it is away, when it comes back, and when the process that delivers them dies.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { MongodbConfig } from '../src/config/config.ts';
import { createReactionService } from '../src/modules/reactions/service.ts';
import { startSite } from './fixtures/movie-quotes.ts';
import { delivered, noMongodb, openFor, openMongoStore, silent } from './fixtures/reactions.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
}

/** A log whose lines can be looked at and waited for. */
function watchedLog(): {
  log: FastifyBaseLogger;
  lines: Line[];
  text: () => string;
  told: (msg: RegExp) => Promise<void>;
} {
  const lines: Line[] = [];
  const waiting: { msg: RegExp; resolve: () => void }[] = [];
  let all = '';
  const log = pino(
    { level: 'info' },
    {
      write(text: string) {
        all += text;
        const line = JSON.parse(text) as Line;
        lines.push(line);
        for (const { msg, resolve } of waiting) if (msg.test(line.msg)) resolve();
      },
    },
  ) as FastifyBaseLogger;
  const told = (msg: RegExp): Promise<void> => new Promise((resolve) => waiting.push({ msg, resolve }));
  return { log, lines, text: () => all, told };
}

/** A TCP address in front of MongoDB, which can be cut and restored as a network can. */
class Wire {
  readonly #to: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #stalled = false;
  port = 0;

  constructor(url: URL) {
    this.#to = { host: url.hostname, port: Number(url.port || 27017) };
  }

  async restore(): Promise<void> {
    this.#stalled = false;
    this.#server = createServer((near) => {
      if (this.#stalled) near.pause();
      const far = connect(this.#to);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket
          .on('error', () => {})
          .on('close', () => {
            this.#sockets.delete(socket);
            other.destroy();
          });
        if (!this.#stalled) socket.pipe(other);
      }
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Nothing comes through any more, and nobody is told. */
  stall(): void {
    this.#stalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  async cut(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server.close(), 'close');
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** MongoDB behind a wire. */
async function wired(t: Test, { url, timeout }: MongodbConfig): Promise<{ wire: Wire; mongodb: MongodbConfig }> {
  const there = new URL(url);
  const wire = new Wire(there);
  await wire.restore();
  t.teardown(() => wire.cut());
  there.hostname = '127.0.0.1';
  there.port = String(wire.port);
  return { wire, mongodb: { url: there.href, timeout } };
}

t.test('the application starts and takes likes while MongoDB is away, and shows no counts', async (t) => {
  const { log, lines, text, told } = watchedLog();
  const away = told(/^MongoDB is away/);
  // Nothing listens on port 1. The password is in no line.
  const site = await startSite(
    t,
    { MONGODB_URL: 'mongodb://quotes:pa%24%24word@127.0.0.1:1/quotes', LOG_REQUESTS: 'false' },
    { logger: log },
  );
  const url = '/api/v1/quotes/1/reactions';
  for (let i = 0; i < 3; i++) {
    const response = await site.request({ method: 'POST', url, payload: { kind: 'like' } });
    t.equal(response.statusCode, 200);
    t.strictSame(response.json(), { quoteId: 1 });
  }
  t.strictSame((await site.request(url)).json(), { quoteId: 1 });
  t.strictSame((await site.request('/api/v1/trending')).json(), { quotes: [] });
  t.equal((await site.request('/')).statusCode, 200);
  t.equal((await site.sql("SELECT id FROM reaction_outbox WHERE kind = 'like'")).length, 3);
  t.equal((await site.sql('SELECT id FROM reaction_events')).length, 3);
  await away;
  await site.close();
  const warnings = lines.filter(({ level }) => level >= 40);
  t.match(warnings, [{ level: 40, msg: /^MongoDB is away \(.+\): reactions are kept in the outbox/ }]);
  t.equal(warnings.length, 1, 'one line, however often it was tried');
  t.notMatch(text(), /pa(%24|\$){2}word/);
});

t.test('a MONGODB_URL that cannot be one ends the start, and its password is not told', async (t) => {
  const { database } = await openFor(t);
  for (const url of ['mongodb://quotes:secret@127.0.0.1/x?nonsense=1', 'mongodb://quotes:secret@/x']) {
    const error = await createReactionService(database, { url, timeout: 1000 }, silent).then(
      () => undefined,
      (error) => error,
    );
    t.match(error, { code: 'MQ_ERR_CONFIG', message: /^MONGODB_URL takes / }, url);
    t.notMatch(`${error?.message}${error?.cause}`, 'secret');
  }
});

t.test('with MongoDB', { skip: noMongodb }, async (t) => {
  t.test(
    'likes go on while it is away, are counted from what is known, and are delivered when it is back',
    async (t) => {
      const { config, database } = await openFor(t);
      const { wire, mongodb } = await wired(t, config.mongodb as MongodbConfig);
      const { log, lines, told } = watchedLog();
      const reactions = await createReactionService(database, mongodb, log);
      t.teardown(() => reactions.close());
      await reactions.like(1, 'ann');
      await reactions.like(1, 'bob');
      await delivered(database);
      t.match((await reactions.countsOf([1])).get(1), { likes: 2 });
      t.equal(reactions.state, 'ok');

      const away = told(/^MongoDB is away/);
      await wire.cut();
      await reactions.like(1, 'carl');
      await reactions.unlike('ann', 1);
      await reactions.like(2, 'ann:2');
      await reactions.like(1, 'dora');
      await reactions.countsOf([1]);
      await away;
      t.equal(reactions.state, 'away');
      t.strictSame(await reactions.countsOf([1, 2]), new Map([[1, { likes: 3, views: 0 }]]), 'quote 2 is not known');
      t.equal(await reactions.liked('carl'), true);
      t.equal(await reactions.liked('ann'), false);

      const back = told(/^MongoDB answers: reactions are delivered again/);
      await wire.restore();
      await back;
      await delivered(database);
      t.match(
        [...(await reactions.countsOf([1, 2]))],
        [
          [1, { likes: 3 }],
          [2, { likes: 1 }],
        ],
      );
      const store = await openMongoStore(t, { config });
      t.match(
        [...(await store.counts([1, 2]))],
        [
          [1, { likes: 3 }],
          [2, { likes: 1 }],
        ],
      );
      t.strictSame(
        lines.map(({ level }) => level),
        [40, 30],
        'one line when it went, and one when it was back',
      );
    },
  );

  t.test('a MongoDB that is silent holds nobody up for long', async (t) => {
    const { config, database } = await openFor(t);
    const { wire, mongodb } = await wired(t, config.mongodb as MongodbConfig);
    const { log, lines, told } = watchedLog();
    const reactions = await createReactionService(database, mongodb, log);
    t.teardown(() => reactions.close());
    await reactions.like(1, 'ann');
    await delivered(database);
    await reactions.countsOf([1]);
    wire.stall();
    await reactions.like(1, 'bob');
    t.strictSame(await reactions.countsOf([1]), new Map([[1, { likes: 2, views: 0 }]]));
    t.equal(reactions.state, 'away');
    const back = told(/^MongoDB answers/);
    await wire.cut();
    await wire.restore();
    await back;
    await delivered(database);
    t.match((await reactions.countsOf([1])).get(1), { likes: 2 });
    t.match(lines, [{ level: 40 }, { level: 30 }]);
    t.equal(lines.length, 2);
  });

  t.test(
    'a deliverer that is killed between MongoDB and the outbox loses nothing and counts nothing twice',
    async (t) => {
      const { config, database } = await openFor(t);
      // Into the outbox alone.
      const writer = await createReactionService(database, { url: 'mongodb://127.0.0.1:1/x', timeout: 100 }, silent);
      await Promise.all(Array.from({ length: 20 }, (_, i) => writer.like(1 + (i % 2), `visitor-${i}`)));
      await writer.unlike('visitor-0', 1);
      for (let i = 0; i < 7; i++) writer.view(1);
      await writer.close();
      const waiting = async () => (await database.query('SELECT id FROM reaction_outbox')).length;
      t.equal(await waiting(), 22);
      const store = await openMongoStore(t, { config });
      const fixture = fileURLToPath(new URL('fixtures/dies-delivering.ts', import.meta.url));
      const child = spawn(process.execPath, ['--conditions=@tsgi/source', fixture, JSON.stringify(config)], {
        stdio: 'inherit',
      });
      t.strictSame(await once(child, 'exit'), [null, 'SIGKILL']);
      t.equal(await waiting(), 22, 'the outbox does not know');
      t.match(
        [...(await store.counts([1, 2]))],
        [
          [1, { likes: 9, views: 7 }],
          [2, { likes: 10, views: 0 }],
        ],
        'MongoDB has all',
      );
      // The lease of the dead runs out; here it does so now.
      await database.transaction((transaction) => transaction.run('UPDATE leases SET until = 0'));
      const next = await createReactionService(database, config.mongodb, silent);
      t.teardown(() => next.close());
      t.match(
        [...(await next.countsOf([1, 2]))],
        [
          [1, { likes: 9, views: 7 }],
          [2, { likes: 10, views: 0 }],
        ],
        'seen by their numbers',
      );
      await delivered(database);
      t.match(
        [...(await store.counts([1, 2]))],
        [
          [1, { likes: 9, views: 7 }],
          [2, { likes: 10, views: 0 }],
        ],
      );
    },
  );

  t.test('several processes write, one delivers, and another one takes over when it leaves', async (t) => {
    const { config, database } = await openFor(t);
    const one = await createReactionService(database, config.mongodb, silent);
    const other = await createReactionService(database, config.mongodb, silent);
    t.teardown(() => other.close());
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => [one, other][i % 2]?.like(1 + (i % 5), `visitor-${i >> 1}:${i % 5}`)),
    );
    await delivered(database);
    await one.close();
    await other.like(1, 'late');
    await delivered(database);
    const counts = await other.countsOf([1, 2, 3, 4, 5]);
    t.strictSame(
      [...counts.values()].map(({ likes }) => likes),
      [21, 20, 20, 20, 20],
    );
  });
});
