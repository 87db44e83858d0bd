// Live reactions as server-sent events. Over TCP: a stream that is injected is seen when it has ended, and this one does not.

import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { fromFastify } from '@tsgi/bridge-node';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import { reactionsApiController } from '../src/controllers/reactions-api.ts';
import { sendProblem } from '../src/middleware/problems.ts';
import { createQuoteService } from '../src/modules/quotes/service.ts';
import { createQuoteStore } from '../src/modules/quotes/store.ts';
import { LiveReactions } from '../src/modules/reactions/live.ts';
import { createReactionService } from '../src/modules/reactions/service.ts';
import { type Site, startSite } from './fixtures/movie-quotes.ts';
import { openFor, silent } from './fixtures/reactions.ts';
import { serveBy } from './fixtures/served.ts';

interface ServerEvent {
  readonly id: number;
  readonly event: string;
  readonly data: { readonly quoteId: number; readonly kind: string; readonly likes?: number; readonly at: number };
}

/** A client of the stream. */
class Client {
  readonly response: IncomingMessage;
  readonly #events: AsyncIterator<ServerEvent>;

  private constructor(response: IncomingMessage) {
    this.response = response;
    this.#events = parse(response);
  }

  /** Resolves when the headers are there. */
  static async open(t: Test, url: string, lastId?: number | string): Promise<Client> {
    const headers = lastId === undefined ? {} : { 'last-event-id': String(lastId) };
    const request = get(`${url}/api/v1/reactions/stream`, { agent: false, headers });
    t.teardown(() => request.destroy());
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => {}); // It was left.
    return new Client(response);
  }

  async next(count: number): Promise<ServerEvent[]> {
    const events: ServerEvent[] = [];
    while (events.length < count) {
      const { value, done } = await this.#events.next();
      if (done) throw new Error('the stream has ended');
      events.push(value);
    }
    return events;
  }

  leave(): void {
    this.response.destroy();
  }
}

async function* parse(response: IncomingMessage): AsyncGenerator<ServerEvent> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
      if (fields.id !== undefined) {
        yield { id: Number(fields.id), event: fields.event ?? '', data: JSON.parse(fields.data ?? 'null') };
      }
    }
  }
}

async function like(site: Site, quoteId: number, kind = 'like'): Promise<void> {
  const response = await site.request({
    method: 'POST',
    url: `/api/v1/quotes/${quoteId}/reactions`,
    payload: { kind },
    headers: { 'idempotency-key': 'one' },
  });
  if (response.statusCode !== 200) throw new Error(response.body);
}

const WAY = process.env.MQ_TEST_SERVED === 'express' ? 'express' : 'tcp';

t.test('the stream of the application', async (t) => {
  const site = await startSite(t, {}, { way: WAY });
  const url = site.url as string;

  t.test('who listens is answered at once, and told of each like with the count', async (t) => {
    const client = await Client.open(t, url);
    t.equal(client.response.statusCode, 200);
    t.match(client.response.headers, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    t.notOk(client.response.headers['content-length']);
    await like(site, 1);
    await like(site, 1, 'unlike');
    // As another process writes it.
    await site.sql("INSERT INTO reaction_events (kind, quote_id, at) VALUES ('like', 2, 1234)");
    const events = await client.next(3);
    t.match(events, [
      { event: 'like', data: { quoteId: 1, kind: 'like', likes: Number, at: Number } },
      { event: 'unlike', data: { quoteId: 1, kind: 'unlike', likes: 0 } },
      { event: 'like', data: { quoteId: 2, kind: 'like', likes: 0, at: 1234 } },
    ]);
    const ids = events.map(({ id }) => id);
    t.strictSame(
      ids,
      [...ids].sort((a, b) => a - b),
    );
  });

  t.test('who connects again gets what came meanwhile, each once, and then what comes', async (t) => {
    const first = await Client.open(t, url);
    await like(site, 3);
    const [seen] = await first.next(1);
    first.leave();
    for (const quoteId of [4, 5]) await like(site, quoteId);
    const again = await Client.open(t, url, seen?.id);
    t.match(await again.next(2), [{ data: { quoteId: 4 } }, { data: { quoteId: 5 } }]);
    await like(site, 6);
    t.match(await again.next(1), [{ data: { quoteId: 6 } }]);
  });

  t.test('an id of the future, as of another database, counts as now; what is no id is refused', async (t) => {
    const client = await Client.open(t, url, 999_999_999);
    await like(site, 7);
    t.match(await client.next(1), [{ data: { quoteId: 7 } }]);
    for (const id of ['abc', '-1', '1e9', '9'.repeat(16)]) {
      const response = await site.request({ url: '/api/v1/reactions/stream', headers: { 'last-event-id': id } });
      t.equal(response.statusCode, 400, id);
      t.match(response.json(), { errors: [{ in: 'headers', field: 'last-event-id' }] });
    }
  });

  t.test('HEAD is answered without a stream', async (t) => {
    const { statusCode, headers } = await site.request({ method: 'HEAD', url: '/api/v1/reactions/stream' });
    t.equal(statusCode, 200);
    t.equal(headers['content-type'], 'text/event-stream; charset=utf-8');
  });

  t.test('a process that leaves ends its streams, each whole', async (t) => {
    const clients = await Promise.all([1, 2, 3].map(() => Client.open(t, url)));
    const ends = clients.map(({ response }) => once(response.resume(), 'end'));
    await site.close();
    await Promise.all(ends);
    t.ok(clients.every(({ response }) => response.complete));
  });
});

/** The routes alone, and what answers their streams. */
async function startRoutes(t: Test, max: number) {
  const { config, database } = await openFor(t);
  const service = await createReactionService(database, config.mongodb, silent);
  t.teardown(() => service.close());
  let asked = 0;
  const reactions = Object.create(service, {
    eventsAfter: {
      async value(id: number, limit: number) {
        const events = await service.eventsAfter(id, limit);
        if (events.length > 0) asked++;
        return events;
      },
    },
  }) as typeof service;
  const live = new LiveReactions(reactions, { max, draining: new AbortController().signal, log: silent });
  const quotes = createQuoteService(database, createQuoteStore(database));
  const app = Fastify();
  app.setErrorHandler(sendProblem);
  app.register(reactionsApiController, { prefix: '/api/v1', reactions, quotes, live });
  const served = await serveBy('tcp', fromFastify(app), '');
  t.teardown(() => served.close());
  return { url: served.url as string, live, reactions, database, asked: () => asked };
}

/** Resolves when so many listen. */
async function listening(live: LiveReactions, count: number): Promise<void> {
  while (live.listeners !== count) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test('a process asks once for all who listen to it, and forgets those who leave', async (t) => {
  const { url, live, reactions, asked } = await startRoutes(t, 3);
  const clients = await Promise.all([1, 2, 3].map(() => Client.open(t, url)));
  t.equal(live.listeners, 3);
  await reactions.like(1, 'ann');
  for (const client of clients) t.match(await client.next(1), [{ data: { quoteId: 1 } }]);
  t.equal(asked(), 1);

  const refused = await Client.open(t, url);
  t.equal(refused.response.statusCode, 503, 'one more than it takes');
  t.equal(refused.response.headers['retry-after'], '10');
  clients[0]?.leave();
  await listening(live, 2);
  const instead = await Client.open(t, url);
  t.equal(instead.response.statusCode, 200);
  for (const client of [...clients, instead]) client.leave();
  await listening(live, 0);
});

t.test('a client that does not read is cut off, and one that does gets everything', async (t) => {
  const { live, database, reactions } = await startRoutes(t, 3);
  const before = await reactions.latestEventId();
  const slow = await live.listen();
  const quick = await live.listen();
  const cut = once(slow as object as NodeJS.EventEmitter, 'close');
  // More than a slow client may leave unread.
  const rows = Array.from({ length: 4000 }, () => "('like', 1, 1)").join(', ');
  await database.transaction((transaction) =>
    transaction.run(`INSERT INTO reaction_events (kind, quote_id, at) VALUES ${rows}`),
  );
  const count = async (stream: AsyncIterable<Buffer> | undefined, events: number): Promise<number> => {
    let found = 0;
    for await (const chunk of stream ?? []) {
      found += String(chunk).match(/^id:/gm)?.length ?? 0;
      if (found >= events) break;
    }
    return found;
  };
  t.equal(await count(quick, 4000), 4000);
  await cut;
  await listening(live, 0);
  t.equal(await count(await live.listen(before), 4000), 4000, 'also where it catches up');
});
