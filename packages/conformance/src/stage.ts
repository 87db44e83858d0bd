// What a case works with: the application served by the adapter under lint, the client's end, and what was seen between.
// When the case is over, the stage looks whether anything is left: connections, requests in flight, errors nobody expected.

import assert from 'node:assert/strict';
import { type Application, type Break, type DrainOptions, type GatewayRequest, lint, type Stats } from '@tsgi/core';
import type { AdapterUnderTest, ServeOptions, ServerUnderTest } from './adapter.ts';
import { Connection } from './client/connection.ts';
import type { Message, Reply } from './client/message.ts';
import type { Kind } from './kind.ts';
import { LogBook } from './log.ts';
import { Witness } from './witness.ts';

/** How a case wants its application served. */
export interface Serving extends Omit<ServeOptions, 'log'> {
  /** Put around the application, inside lint: a start that fails, a mount. */
  readonly around?: (application: Application) => Application;
}

/** One case's stage. */
export class Stage {
  readonly witness: Witness = new Witness();
  readonly log: LogBook = new LogBook();
  /** Every request that reached the application, as it got it. */
  readonly requests: GatewayRequest[] = [];
  readonly breaks: Break[] = [];
  readonly adapter: AdapterUnderTest;
  readonly kind: Kind;
  readonly #servers: Server[] = [];

  constructor(adapter: AdapterUnderTest, kind: Kind) {
    this.adapter = adapter;
    this.kind = kind;
  }

  /** Whether the adapter and the kind have `needed`. */
  has(needed: string): boolean {
    const lacking: Readonly<Record<string, string>> = { ...this.adapter.lacks, ...this.kind.lacks };
    return lacking[needed] === undefined;
  }

  /** Serves the kind's application. */
  async serve(serving: Serving = {}): Promise<Server> {
    return this.serveApplication(await this.kind.make(this.witness), serving);
  }

  /** Serves an application of the case's own. */
  async serveApplication(application: Application, { around, ...options }: Serving = {}): Promise<Server> {
    const watched = this.#watch(around === undefined ? application : around(application));
    const linted = lint(watched, { onBreak: (broken) => this.breaks.push(broken) });
    const server = new Server(await this.adapter.serve(linted, { ...options, log: this.log }));
    this.#servers.push(server);
    return server;
  }

  /** Ends everything that the case has left open, and looks at what remains. */
  async finish(): Promise<void> {
    for (const server of this.#servers) await server.close();
    for (const server of this.#servers) {
      const stats = server.lastStats();
      if (stats === undefined) continue;
      assert.equal(stats.inFlight, 0, 'requests are still in flight after close');
      assert.equal(stats.connections, 0, 'connections are still open after close');
    }
    const errors = this.log.take('error').map(({ message, fields }) => {
      const { err } = fields;
      return err instanceof Error ? `${message}: ${err.stack}` : message;
    });
    assert.deepEqual(errors, [], 'errors were logged that the case does not expect');
  }

  #watch(application: Application): Application {
    const { witness, requests } = this;
    return {
      start(context) {
        witness.context = context;
        return application.start?.(context);
      },
      handle(request, context) {
        requests.push(request);
        return application.handle(request, context);
      },
      stop() {
        witness.tell('stop');
        return application.stop?.();
      },
    };
  }
}

/** The server of a case, seen from its clients. */
export class Server {
  readonly #server: ServerUnderTest;
  readonly #connections: Connection[] = [];
  #closed: Promise<void> | null = null;

  constructor(server: ServerUnderTest) {
    this.#server = server;
  }

  /** Opens a connection. */
  async connect(): Promise<Connection> {
    if (this.#server.connect === undefined) throw new Error('an adapter that has the wire needs connect()');
    const connection = new Connection(await this.#server.connect());
    this.#connections.push(connection);
    return connection;
  }

  /** Sends one request, on a connection of its own where there are any, and gives the response whole. */
  async request(message: Message): Promise<Reply> {
    if (this.#server.request !== undefined) return this.#server.request(message);
    const connection = await this.connect();
    try {
      const [reply] = await Promise.all([connection.reply(message.method), connection.request(message)]);
      return reply;
    } finally {
      connection.leave();
    }
  }

  stats(): Stats {
    const stats = this.lastStats();
    if (stats === undefined) throw new Error('an adapter that has the wire needs stats()');
    return stats;
  }

  /** Statistics where there are any. */
  lastStats(): Stats | undefined {
    return this.#server.stats?.();
  }

  drain(options?: DrainOptions): Promise<void> {
    if (this.#server.drain === undefined) throw new Error('an adapter that has drains needs drain()');
    this.#closed = this.#server.drain(options);
    return this.#closed;
  }

  /** Closes the server, unless it was drained; and what clients have left open. */
  async close(): Promise<void> {
    this.#closed ??= this.#server.close();
    await this.#closed;
    for (const connection of this.#connections) await connection.left();
  }
}
