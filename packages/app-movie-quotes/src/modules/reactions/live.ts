// Live reactions as server-sent events (HTML section 9.2). While somebody listens, this process asks the table of events once
// a second for all who do; so events reach every worker and container, and a reload loses none: whoever connects again
// says the last id that was received.

import { AsyncResource } from 'node:async_hooks';
import { Readable } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import { Refusal } from '../refusal.ts';
import type { ReactionEvent } from './events.ts';
import type { ReactionService } from './service.ts';

const POLL = 1000;
/** Polls without an event after which a comment tells proxies and clients that the connection is alive. */
const HEARTBEAT = 15;
/** Events of one question. */
const BATCH = 500;
/** Milliseconds after which a client connects again when its stream has ended. */
const RETRY = 2000;
/** Bytes that a slow client may leave unread; then it is cut off, and connects again when it can read. */
const MOST_UNREAD = 256 * 1024;
/** Bytes unread below which a client that catches up gets more. */
const LITTLE = 16 * 1024;

/** A process has as many streams as it takes (503). */
export class TooManyListeners extends Refusal {
  readonly retryAfter = 10;

  constructor() {
    super(503, 'too many listen already');
  }
}

export interface LiveOptions {
  /** Streams of this process at once. */
  readonly max?: number;
  /** Streams end when it aborts. */
  readonly draining: AbortSignal;
  readonly log: FastifyBaseLogger;
}

interface Listener {
  readonly stream: Readable;
  /** The last event that was sent. */
  position: number;
  /** False while it is sent what it missed. */
  live: boolean;
  /** False when its stream was told to end. */
  open: boolean;
  /** Called when what is unread has become little. */
  onRead: () => void;
}

export class LiveReactions {
  readonly #reactions: ReactionService;
  readonly #max: number;
  readonly #draining: AbortSignal;
  readonly #log: FastifyBaseLogger;
  readonly #listeners = new Set<Listener>();
  /** The newest event that was sent to those who are live. */
  #position = 0;
  #timer: NodeJS.Timeout | undefined;
  #quiet = 0;
  #failed = false;
  /** Not in the scope of the request that happened to come first. */
  readonly #poll: () => void;

  constructor(reactions: ReactionService, { max = 1000, draining, log }: LiveOptions) {
    this.#reactions = reactions;
    this.#max = max;
    this.#draining = draining;
    this.#log = log;
    this.#poll = AsyncResource.bind(() => this.#pollOnce());
    draining.addEventListener('abort', this.#end, { once: true });
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** A stream of what comes after the event `lastId`, or from now on; undefined where there are too many. */
  async listen(lastId?: number): Promise<Readable | undefined> {
    if (this.#listeners.size >= this.#max) return undefined;
    const stream = new Readable({ read: () => listener.onRead(), highWaterMark: LITTLE });
    const listener: Listener = { stream, position: 0, live: false, open: true, onRead: () => {} };
    // Counted before anything is waited for.
    this.#listeners.add(listener);
    stream.once('close', () => this.#leave(listener));
    stream.push(`retry: ${RETRY}\n\n`);
    if (this.#draining.aborted) {
      end(listener);
      return stream;
    }
    try {
      const latest = await this.#reactions.latestEventId();
      // An id that was never given is of another database.
      listener.position = Math.min(lastId ?? latest, latest);
      this.#join(listener, latest).catch(() => stream.destroy());
      return stream;
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** Ends all streams, each whole. */
  close(): void {
    this.#draining.removeEventListener('abort', this.#end);
    this.#end();
  }

  readonly #end = (): void => {
    for (const listener of this.#listeners) end(listener);
    this.#stop();
  };

  async #join(listener: Listener, latest: number): Promise<void> {
    if (!listener.open) return;
    if (this.#timer === undefined) {
      this.#position = latest;
      this.#schedule();
    }
    while (listener.position < this.#position && listener.open) {
      const events = await this.#reactions.eventsAfter(listener.position, BATCH);
      if (events.length === 0) break;
      await this.#send(events, [listener]);
      await read(listener);
    }
    listener.live = true;
  }

  #leave(listener: Listener): void {
    listener.open = false;
    listener.onRead();
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#stop();
  }

  #schedule(pause = POLL): void {
    this.#timer = setTimeout(this.#poll, pause).unref();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #pollOnce(): Promise<void> {
    const timer = this.#timer;
    let more = false;
    try {
      const events = await this.#reactions.eventsAfter(this.#position, BATCH);
      const live = [...this.#listeners].filter((listener) => listener.live);
      // Before anything else is waited for: who catches up goes as far as this.
      this.#position = events.at(-1)?.id ?? this.#position;
      await this.#send(events, live);
      more = events.length === BATCH;
      this.#quiet = events.length === 0 ? this.#quiet + 1 : 0;
      if (this.#quiet >= HEARTBEAT) this.#beat();
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#log.warn({ err: error }, 'live reactions cannot be read; they are sent later');
      this.#failed = true;
    }
    // Unless all have left meanwhile, or another one came after that. Not at once where there is more, for the clients
    // must have time to read.
    if (this.#timer === timer && this.#listeners.size > 0 && !this.#draining.aborted) this.#schedule(more ? 1 : POLL);
  }

  #beat(): void {
    this.#quiet = 0;
    for (const listener of this.#listeners) write(listener, ':\n\n');
  }

  async #send(events: readonly ReactionEvent[], listeners: readonly Listener[]): Promise<void> {
    if (events.length === 0 || listeners.length === 0) return;
    const counts = await this.#reactions.countsOf([...new Set(events.map(({ quoteId }) => quoteId))]);
    const texts = events.map(({ id, kind, quoteId, at }) => {
      const likes = counts.get(quoteId)?.likes;
      return { id, text: `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify({ quoteId, kind, likes, at })}\n\n` };
    });
    for (const listener of listeners) {
      const news = texts.filter(({ id }) => id > listener.position);
      listener.position = Math.max(listener.position, events.at(-1)?.id ?? 0);
      if (news.length > 0) write(listener, news.map(({ text }) => text).join(''));
    }
  }
}

function write({ stream, open }: Listener, text: string): void {
  if (!open) return;
  stream.push(text);
  if (stream.readableLength > MOST_UNREAD) stream.destroy();
}

function end(listener: Listener): void {
  if (!listener.open) return;
  listener.open = false;
  listener.stream.push(null);
}

/** Resolves when the client has read most of what it was sent, or has left. */
async function read(listener: Listener): Promise<void> {
  while (listener.open && listener.stream.readableLength > LITTLE) {
    await new Promise<void>((resolve) => {
      listener.onRead = resolve;
    });
  }
}
