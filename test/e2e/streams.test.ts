// Streams that would last for ever do not hold up reloads: each is told to end, and its client comes again elsewhere.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { startLoad } from '@tsgi/bench/load';
import t from 'tap';
import { WebSocket } from 'ws';
import { ask, childrenOf, comment, serve, type Target } from './fixtures/served.ts';

const RELOADS = 30;
const STREAMS = 10;
const WORKERS = 2;
const MAX_DRAINING = 6;

/** Clients that open a stream again as soon as it has ended, and count how it ended. */
class Streams {
  readonly ends: Record<string, number> = {};
  readonly #open: (stop: AbortSignal) => Promise<string>;
  readonly #stop = new AbortController();
  readonly #over: Promise<unknown>;

  constructor(open: (stop: AbortSignal) => Promise<string>) {
    this.#open = open;
    this.#over = Promise.all(Array.from({ length: STREAMS }, () => this.#run()));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const end = await this.#open(signal);
      if (!signal.aborted) this.ends[end] = (this.ends[end] ?? 0) + 1;
    }
  }
}

/** Reads server-sent events until they end: `told` when the last one says so and the response is whole. */
async function readEvents({ port }: { readonly port: number }, stop: AbortSignal): Promise<string> {
  try {
    const request = http.get({ host: '127.0.0.1', port, path: '/events', agent: false, signal: stop });
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of reply) text += chunk;
    return text.endsWith('event: end\ndata: draining\n\n') ? 'told' : 'ended without a word';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code ?? error);
  }
}

/** Sends and gets messages over a WebSocket until it is closed: the status code of that. */
async function talk({ port }: { readonly port: number }, stop: AbortSignal): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
  const terminate = (): void => socket.terminate();
  stop.addEventListener('abort', terminate);
  socket.on('open', () => socket.send('0'));
  socket.on('message', (message) => {
    setTimeout(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send(String(Number(message) + 1));
    }, 100);
  });
  let error = '';
  socket.on('error', ({ message }) => {
    error = message;
  });
  const [code] = (await once(socket, 'close')) as [number];
  stop.removeEventListener('abort', terminate);
  return error || String(code);
}

t.test(`${RELOADS} reloads, one every second, with event streams and WebSockets open`, async (t) => {
  const args = ['--workers', String(WORKERS), '--max-draining', String(MAX_DRAINING), '--reload-watch', '0'];
  const served = serve(t, ['-b', '127.0.0.1:0', ...args]);
  const target = (await served.target()) as Target & { readonly kind: 'tcp' };
  const arbiter = served.child.pid as number;
  const load = startLoad({ target, clients: 5 });
  const events = new Streams((stop) => readEvents(target, stop));
  const sockets = new Streams((stop) => talk(target, stop));
  let most = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) {
      most = Math.max(most, childrenOf(arbiter).length);
      await delay(100);
    }
  })();
  try {
    await load.answered(500);
    const before = load.next();
    for (let i = 0; i < RELOADS; i++) {
      served.signal('SIGHUP');
      await delay(1000);
    }
    // Those that came during another one have become one.
    const line = await served.reload();
    t.equal(line.msg, 'reloaded');
    // The generation before has left, although nobody has closed a stream.
    await served.until(({ msg }) => msg === 'worker 1 has left: reloaded', served.lines.indexOf(line) - 20);
    const during = load.next();
    await load.answered(200);
    const after = await load.stop();
    const done = served.lines.filter(({ msg }) => msg === 'reloaded').length;
    await events.stop();
    await sockets.stop();
    comment(t, { before, during, after });
    t.comment(`${done} reloads, ${most} workers at most`);
    t.comment(`event streams: ${JSON.stringify(events.ends)}, WebSockets: ${JSON.stringify(sockets.ends)}`);
    t.strictSame([before.failures, during.failures, after.failures], [{}, {}, {}]);
    t.strictSame(Object.keys(events.ends), ['told'], 'every event stream was told to end, and ended whole');
    t.strictSame(Object.keys(sockets.ends), ['1001'], 'every WebSocket was closed with 1001');
    t.ok(most <= 2 * WORKERS + MAX_DRAINING, `${most} workers at once`);
    t.ok((await ask(target)).generation > done);
    t.strictSame(
      served.lines.filter(({ msg }) => /^worker \d (was|exited|hangs)/.test(msg)),
      [],
    );
  } finally {
    watching = false;
    await watch;
    await events.stop();
    await sockets.stop();
    await load.stop();
  }
});

t.test('a worker leaves when the work that was given to waitUntil is done, and not before', async (t) => {
  const served = serve(t, ['-b', '127.0.0.1:0']);
  const target = await served.target();
  await ask(target, '/later');
  served.signal('SIGTERM');
  t.equal(await served.exited, 0);
  const messages = served.lines.map(({ msg }) => msg);
  t.ok(messages.includes('the work of later is done'));
  t.ok(messages.indexOf('the work of later is done') < messages.indexOf('worker 1 has left: stopped'));
});
