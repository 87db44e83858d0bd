// Serves an application on one bind: the whole life of a server, from the bind to the last closed connection.

import { setTimeout as delay } from 'node:timers/promises';
import {
  type Application,
  type Bind,
  type ContextControl,
  createContext,
  type DrainOptions,
  type Listening,
  type Log,
  parseBind,
  printBind,
  TsgiError,
} from '@tsgi/core';
import { bindError } from './bind-error.ts';
import type { Engine, ListenTarget } from './engine.ts';
import { createNodeHttpEngine } from './node-http/engine.ts';
import { DEFAULT_LIMITS, type ListenOptions } from './options.ts';
import { DEFAULT_TRUST, parseTrust } from './trust.ts';

/** How long open connections may still bring a request after the listener closed, before idle ones are closed. */
const LAST_CALL = 500;
/** The most connections that are taken from the backlog before the listener closes; others may be filling it as well. */
const LAST_ACCEPTS = 1000;

/**
 * Serves `application` on `bind`, a TCP address or an inherited descriptor: `await listen(app, '127.0.0.1:8000')`.
 * Resolves when connections are accepted. Rejects with a `TSGI_ERR_BIND_*` error that says what to do, or with what
 * `application.start` threw; nothing is left open then.
 */
export async function listen(
  application: Application,
  bind: string | Bind,
  options: ListenOptions = {},
): Promise<NodeListening> {
  const where = typeof bind === 'string' ? parseBind(bind) : bind;
  const target = targetOf(where, options);
  const control = options.context ?? createContext(contextOptions(options));
  const own = options.context === undefined;
  const engine = (options.engine ?? createNodeHttpEngine)({
    application,
    context: control.context,
    log: options.log ?? control.context.log,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    trust: parseTrust(options.trust ?? DEFAULT_TRUST),
    forwarded: options.forwarded ?? 'x-forwarded',
    keepAlive: options.keepAlive ?? 75_000,
    keepAliveRequests: options.keepAliveRequests ?? 0,
    keepAliveMaxAge: options.keepAliveMaxAge ?? 0,
    observe: options.observe ?? null,
    tls: options.tls,
    proxyProtocol: options.proxyProtocol ?? false,
  });
  if (own) await application.start?.(control.context);
  let address: Bind;
  try {
    address = bound(where, await engine.listen(target));
  } catch (error) {
    if (own) await stop(application, control.context.log);
    throw bindError(where, error as NodeJS.ErrnoException);
  }
  return new Server(engine, control, address, own ? application : null);
}

/** A server of this adapter. */
export interface NodeListening extends Listening {
  /**
   * Ends `count` of the open connections, each by its next answer: their clients connect anew, and reach the processes
   * that have fewer of them.
   */
  shed(count: number): void;
  /** Resolves when no more connections are accepted: early in a drain, long before what is in flight has ended. */
  readonly stoppedAccepting: Promise<void>;
}

class Server implements NodeListening {
  readonly address: Bind;
  readonly #engine: Engine;
  readonly #control: ContextControl;
  /** The application whose `stop` is ours to call. */
  readonly #application: Application | null;
  /** Resolved when nothing more is waited for. */
  readonly #cut = Promise.withResolvers<void>();
  readonly #stoppedAccepting = Promise.withResolvers<void>();
  #closed: Promise<void> | null = null;
  #draining: Promise<void> | null = null;

  constructor(engine: Engine, control: ContextControl, address: Bind, application: Application | null) {
    this.#engine = engine;
    this.#control = control;
    this.address = address;
    this.#application = application;
  }

  stats(): ReturnType<Listening['stats']> {
    return this.#engine.stats();
  }

  get stoppedAccepting(): Promise<void> {
    return this.#stoppedAccepting.promise;
  }

  shed(count: number): void {
    this.#engine.shed(count);
  }

  drain(options: DrainOptions = {}): Promise<void> {
    this.#draining ??= this.#drain(options.delay ?? 0, options.graceful ?? 30_000, options.lastCall ?? LAST_CALL);
    return this.#draining;
  }

  async close(): Promise<void> {
    this.#control.drain();
    await this.#engine.leave?.();
    const closed = this.#close();
    this.#force();
    return closed;
  }

  async #drain(wait: number, graceful: number, lastCall: number): Promise<void> {
    this.#control.drain();
    if (wait > 0) {
      // A balancer that closes its idle connections within this time leaves none behind on which its next request could
      // meet our close: those that it uses meanwhile are told to close.
      this.#engine.lastCall();
      await delay(wait);
    }
    await this.#engine.leave?.();
    this.#engine.lastCall();
    await this.#emptyBacklog();
    const cut = setTimeout(() => this.#force(), graceful);
    const closed = this.#close();
    // Timers run before sockets are read: on a busy machine a request may have been here for a while by then.
    const closeIdle = (): void => void setImmediate(() => this.#engine.closeIdle());
    // A request may be on its way on a connection that looks idle. It gets its answer, with Connection: close.
    const idle = setTimeout(closeIdle, Math.min(lastCall, graceful));
    // A connection that answered after that beat has been told to close; this finds those that never asked again.
    const sweep = setInterval(closeIdle, 2 * LAST_CALL);
    await closed;
    clearTimeout(cut);
    clearTimeout(idle);
    clearInterval(sweep);
  }

  /**
   * Accepts until nobody is queued. A listener that is closed resets the connections in its backlog, and the last
   * holder of a socket is the only one left to take them. libuv accepts one connection a turn (seen on Linux), so two
   * turns without one mean that the queue is empty.
   */
  async #emptyBacklog(): Promise<void> {
    const most = this.#engine.accepted + LAST_ACCEPTS;
    let quiet = 0;
    let seen = this.#engine.accepted;
    while (quiet < 2 && seen < most) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#engine.accepted === seen ? quiet + 1 : 0;
      seen = this.#engine.accepted;
    }
  }

  #force(): void {
    this.#engine.destroyAll();
    this.#cut.resolve();
  }

  #close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#control.drain();
    const closed = this.#engine.closeListener();
    this.#stoppedAccepting.resolve();
    await closed;
    if (this.#application === null) return;
    await Promise.race([this.#control.settled(), this.#cut.promise]);
    await stop(this.#application, this.#control.context.log);
  }
}

/** Calls `stop`. An error of it is logged, and keeps nobody from ending. */
async function stop(application: Application, log: Log): Promise<void> {
  try {
    await application.stop?.();
  } catch (error) {
    log.error({ err: error }, 'the application failed to stop');
  }
}

function contextOptions(options: ListenOptions): Parameters<typeof createContext>[0] {
  return {
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.log === undefined ? {} : { log: options.log }),
  };
}

function targetOf(bind: Bind, options: ListenOptions): ListenTarget {
  const backlog = options.backlog ?? 511;
  if (bind.kind === 'fd') return { fd: bind.fd, backlog };
  if (bind.kind === 'tcp') {
    return {
      host: bind.host === '' ? undefined : bind.host,
      port: bind.port,
      backlog,
      ipv6Only: options.ipv6Only ?? false,
    };
  }
  throw new TsgiError('TSGI_ERR_BIND_KIND', {
    bind: printBind(bind),
    adapter: '@tsgi/adapter-node',
    instead: '@tsgi/adapter-unix-socket for it, or a bind such as 127.0.0.1:8000',
  });
}

/** The bind that came about: the host as it was asked for, the port that the system chose. */
function bound(bind: Bind, address: { host: string; port: number } | string): Bind {
  return bind.kind === 'tcp' && typeof address !== 'string' ? { ...bind, port: address.port } : bind;
}
