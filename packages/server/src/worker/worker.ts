// What a worker does from its boot to its exit. Everything that it must tell goes through `send`.

import { readFileSync } from 'node:fs';
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type ListenOptions, listen, type NodeListening, type Observe } from '@tsgi/adapter-node';
import { type Application, type ContextControl, createContext } from '@tsgi/core';
import type { FromWorker, MeterReport, ToWorker, WorkerCounters } from '../arbiter/messages.ts';
import { reportImports } from '../dev/imports.ts';
import { explainFailure } from '../load/explain-failure.ts';
import { loadApplication } from '../load/load.ts';
import { type AccessLog, openAccessLog } from '../logs/access-log.ts';
import { createLog, type ServerLog } from '../logs/log.ts';
import type { Settings } from '../settings/table.ts';
import { connectionLimit } from './connection-limit.ts';
import { watchDescriptors } from './descriptors.ts';
import { dress, translationOf } from './dress.ts';
import { Meter } from './meter.ts';
import { startWatchdog } from './watchdog.ts';

/**
 * The beat in milliseconds: how often the arbiter hears from a worker. Metrics promise that no more than the last 250 ms
 * of a killed worker are missing, and a beat of a busy event loop is late.
 */
const BEAT = 200;

/** With `dev`, a request on an open connection should meet the new code rather than the last of the old, in milliseconds. */
const DEV_LAST_CALL = 50;

/** Milliseconds that the application has to stop once nothing is in flight. */
const LAST_SECONDS = 3000;

/** Milliseconds between two looks at the event loop's delay. What Node measures is the time from one to the next. */
const RESOLUTION = 20;

type Boot = ToWorker & { type: 'boot' };

/** One worker. */
export class Worker {
  readonly #boot: Boot;
  readonly #send: (message: FromWorker) => Promise<void>;
  readonly #log: ServerLog;
  readonly #control: ContextControl;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  /** Where nobody asks for metrics, nothing is metered. */
  readonly #meter: Meter | null;
  #application: Application | null = null;
  #accessLog: AccessLog | null = null;
  #servers: NodeListening[] = [];
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  #listenOptions: ListenOptions = {};
  #listening: Promise<void> = Promise.resolve();
  #lastMemory = 0;
  #ending = false;

  constructor(boot: Boot, send: (message: FromWorker) => Promise<void>) {
    const { settings, worker, generation } = boot;
    this.#boot = boot;
    this.#send = send;
    this.#log = createLog(settings, { worker, generation });
    this.#meter = settings.monitorBind.length === 0 ? null : new Meter();
    this.#control = createContext({
      name: settings.name,
      worker,
      generation,
      log: this.#log,
      onReady: (ready, reason) => void send({ type: 'ready', ready, reason }),
    });
  }

  /** Loads and starts the application. */
  async boot(): Promise<void> {
    const { settings } = this.#boot;
    // From here on the arbiter can tell a slow start from a main loop that hangs.
    this.#delay.enable();
    setInterval(() => void this.#beat(), BEAT).unref();
    setInterval(watchDescriptors(this.#boot.worker, this.#log), 1000).unref();
    try {
      if (settings.dev) reportImports(settings, (path, stamp) => void this.#send({ type: 'imported', path, stamp }));
      const { application, kind } = await loadApplication(settings.app ?? '', process.cwd());
      this.#application = dress(this.#watched(application), settings);
      await this.#application.start?.(this.#control.context);
      // Whatever serving takes is at hand before the generation is committed: a log or a key that cannot be read fails here.
      this.#accessLog = openAccessLog(settings, this.#boot.worker, this.#log);
      this.#listenOptions = this.#options(settings);
      await this.#send({ type: 'started', kind });
      await this.#send({ type: 'ready', ready: this.#control.ready, reason: this.#control.reason });
    } catch (error) {
      await this.#fail(this.#application === null ? 'load' : 'start', error);
    }
  }

  /** Accepts connections on every inherited socket. */
  accept(): Promise<void> {
    // Told to leave before it was told to accept.
    if (!this.#ending) this.#listening = this.#listen();
    return this.#listening;
  }

  async #listen(): Promise<void> {
    try {
      for (const { fd } of this.#boot.sockets) {
        this.#servers.push(await listen(this.#application as Application, { kind: 'fd', fd }, this.#listenOptions));
      }
      await this.#send({ type: 'accepting' });
    } catch (error) {
      await this.#fail('listen', error);
    }
  }

  /** Finishes what is in flight, stops the application and ends the process. */
  async drain(delay = 0, graceful: number = this.#boot.settings.gracefulTimeout): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#control.drain();
    // Told to leave just after it was told to accept.
    await this.#listening;
    // An arbiter kills what takes longer, a second before; where it is gone, or has not asked for this, nobody would.
    setTimeout(() => process.exit(1), delay + graceful + LAST_SECONDS).unref();
    const over = new Promise((resolve) => setTimeout(resolve, delay + graceful).unref());
    const lastCall = this.#boot.settings.dev ? { lastCall: DEV_LAST_CALL } : {};
    const drained = this.#servers.map((server) => server.drain({ delay, graceful, ...lastCall }));
    await Promise.all(this.#servers.map(({ stoppedAccepting }) => stoppedAccepting));
    await this.#send({ type: 'stopped-accepting' });
    await Promise.all(drained);
    await Promise.race([this.#control.settled(), over]);
    await this.#leave();
  }

  /** Cuts what is in flight, stops the application and ends the process. */
  async quit(): Promise<void> {
    this.#ending = true;
    await this.#listening;
    await Promise.all(this.#servers.map((server) => server.close()));
    await this.#leave();
  }

  shed(connections: number): void {
    for (const server of this.#servers) server.shed(connections);
  }

  reopen(): void {
    this.#log.reopen();
    this.#accessLog?.reopen();
  }

  /** Tells why this process is about to end: an error that nobody caught. */
  crash(error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void {
    const what = origin === 'unhandledRejection' ? 'unhandled rejection' : 'uncaught exception';
    const { worker } = this.#boot;
    this.#ending = true;
    this.#log.error({ err: error }, `worker ${worker} ends: ${what}`);
    // Not waited for: the channel takes a message of this size at once.
    void this.#send({ type: 'crashed', reason: `${what}: ${error instanceof Error ? error.message : String(error)}` });
  }

  /** What must not be lost with the process, whoever ends it. Called at its exit, when nothing can be waited for. */
  lastWords(): void {
    if (!this.#ending) void this.#send({ type: 'crashed', reason: 'process.exit() was called' });
    this.#accessLog?.flushSync();
    void this.#beat();
  }

  async #leave(): Promise<void> {
    try {
      await this.#application?.stop?.();
    } catch (error) {
      this.#log.error({ err: error }, 'the application failed to stop');
    }
    await this.#accessLog?.flush();
    process.exit(0);
  }

  #watched(application: Application): Application {
    const { settings, worker, generation } = this.#boot;
    if (settings.watchdog === 'off' || settings.timeout === 0) return application;
    return startWatchdog(settings, worker, generation, this.#log).around(application);
  }

  async #fail(phase: 'load' | 'start' | 'listen', error: unknown): Promise<void> {
    this.#ending = true;
    await this.#send({ type: 'failed', phase, ...explainFailure(error) });
    process.exit(3);
  }

  #options(settings: Settings): ListenOptions {
    return {
      context: this.#control,
      log: this.#log,
      ...translationOf({ ...settings, limitConnections: connectionLimit(settings.limitConnections, this.#log) }),
      proxyProtocol: settings.proxyProtocol,
      ...(settings.certfile === null || settings.keyfile === null
        ? {}
        : { tls: { cert: readFileSync(settings.certfile), key: readFileSync(settings.keyfile) } }),
      keepAlive: settings.keepAlive,
      keepAliveRequests: settings.keepAliveRequests,
      keepAliveMaxAge: settings.keepAliveMaxAge,
      ...both(this.#meter?.observe, this.#accessLog?.observe),
      backlog: settings.backlog,
    };
  }

  async #beat(): Promise<void> {
    const meter = this.#meter === null ? undefined : this.#report(this.#meter);
    await this.#send({ type: 'beat', counters: this.#measure(), ...(meter && { meter }) });
  }

  #report(meter: Meter): MeterReport {
    const { user, system } = process.cpuUsage();
    meter.stall(delayOf(this.#delay.max));
    return meter.report({
      cpu: user + system,
      active: Math.round(performance.eventLoopUtilization().active * 1000),
      dropped: this.#accessLog?.dropped ?? 0,
      heap: getHeapStatistics().used_heap_size,
    });
  }

  /** Resident bytes. To ask for them takes a descriptor, and there may be none: then it is what it was. */
  #memory(): number {
    try {
      this.#lastMemory = process.memoryUsage.rss();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
    }
    return this.#lastMemory;
  }

  #measure(): WorkerCounters {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    const delay = delayOf(this.#delay.mean);
    this.#delay.reset();
    const counters = {
      connections: 0,
      inFlight: 0,
      requests: 0,
      refused: 0,
      aborted: 0,
      responses: [0, 0, 0, 0, 0, 0],
      memory: this.#memory(),
      utilization,
      delay,
    };
    for (const server of this.#servers) {
      const stats = server.stats();
      counters.connections += stats.connections;
      counters.inFlight += stats.inFlight;
      counters.requests += stats.requests;
      counters.refused += stats.refused;
      counters.aborted += stats.aborted;
      stats.responses.forEach((count, digit) => {
        counters.responses[digit] = (counters.responses[digit] ?? 0) + count;
      });
    }
    return counters;
  }
}

/** Seconds that the event loop was late, of what Node's histogram says in nanoseconds; 0 where it has seen nothing. */
function delayOf(interval: number): number {
  return Number.isNaN(interval) ? 0 : Math.max(0, interval / 1e9 - RESOLUTION / 1000);
}

function both(one: Observe | undefined, other: Observe | undefined): { observe?: Observe } {
  if (one === undefined || other === undefined) {
    const observe = one ?? other;
    return observe === undefined ? {} : { observe };
  }
  return {
    observe(request, ended) {
      one(request, ended);
      other(request, ended);
    },
  };
}
