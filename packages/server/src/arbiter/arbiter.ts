// The parent of all workers. It binds the sockets, starts workers, replaces those that die, and hands over from one
// generation to the next. It never accepts a connection and never loads the application.

import { setTimeout as delay } from 'node:timers/promises';
import { listenEarly } from '../dev/listen-early.ts';
import type { ServerLog } from '../logs/log.ts';
import type { Hooks } from '../settings/define-config.ts';
import { Backoff } from './backoff.ts';
import type { ExitKind } from './exit-kind.ts';
import { prepareGeneration, untilStarted } from './generation.ts';
import { ObservedClock } from './observed-clock.ts';
import { Recycling } from './recycling.ts';
import type { ServerSocket } from './sockets.ts';
import { Spreading } from './spreading.ts';
import type { ReloadResult, StatusReport } from './status.ts';
import {
  describeExit,
  type WorkerExit,
  type WorkerFailure,
  type WorkerOptions,
  WorkerProcess,
} from './worker-process.ts';

/** How long a reload waits for the old workers to stop accepting, in milliseconds. One that hangs is not waited for. */
const LAST_ACCEPT = 1000;

/** Milliseconds without a beat after which a restart for development takes a worker for one that hangs. */
const HANGS = 1000;

/** Milliseconds from a process that could not be made to the next try. */
const SPAWN_AGAIN = 5000;

/** What the arbiter cannot know by itself. */
export interface ArbiterOptions {
  readonly log: ServerLog;
  /** Reads the settings again, for a reload. Throws what is wrong with them. */
  readonly resolve: () => Promise<WorkerSetup>;
  readonly setup: WorkerSetup;
  /** Called before log files are opened again. */
  readonly onReopen: () => void;
  /** Called at each step that somebody outside may want to know of. */
  readonly onChange: (change: ArbiterChange) => void;
}

/** What workers of one generation are started with. */
export type WorkerSetup = Pick<WorkerOptions, 'settings' | 'env' | 'identity'> & {
  readonly workers: number;
  readonly hooks: Hooks;
};

export type ArbiterChange =
  | { readonly type: 'ready' }
  | { readonly type: 'reloading' }
  | { readonly type: 'reloaded'; readonly result: ReloadResult }
  | { readonly type: 'draining' }
  | { readonly type: 'worker-start'; readonly worker: WorkerProcess }
  /** It has started, accepts, or drains. */
  | { readonly type: 'worker-state'; readonly worker: WorkerProcess }
  | { readonly type: 'worker-exit'; readonly worker: WorkerProcess; readonly reason: string };

/** The arbiter of one server. */
export class Arbiter {
  readonly #options: ArbiterOptions;
  readonly #log: ServerLog;
  readonly #workers = new Set<WorkerProcess>();
  readonly #spreading = new Spreading();
  readonly #recycling = new Recycling();
  /** Workers whose replacement is under way. */
  readonly #leaving = new WeakSet<WorkerProcess>();
  #sockets: readonly ServerSocket[] = [];
  /** By the number of a worker: one that dies again and again must not slow the others down. */
  readonly #backoffs = new Map<number, Backoff>();
  readonly #born = performance.now();
  readonly #restarts = new Map<number, number>();
  readonly #clock = new ObservedClock();
  readonly #over = Promise.withResolvers<void>();
  #setup: WorkerSetup;
  #wanted: number;
  #generation = 1;
  /** Whether any generation has come to serve. */
  #served = false;
  /** Resolves when the first start has come to an end, whichever. */
  readonly #begun = Promise.withResolvers<void>();
  #state: StatusReport['state'] = 'starting';
  #reload: Promise<ReloadResult> | null = null;
  #queued: PromiseWithResolvers<ReloadResult> | null = null;

  constructor(options: ArbiterOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#setup = options.setup;
    this.#wanted = options.setup.workers;
  }

  /**
   * Starts the first generation on `sockets`. Rejects with a {@link WorkerFailure} when one of its workers cannot start;
   * the sockets are closed then. With `dev` it does not: the server waits for a {@link restart} that works. Whoever stops
   * a server that still starts has what they want: it resolves.
   */
  async start(sockets: readonly ServerSocket[]): Promise<void> {
    try {
      await this.#start(sockets);
    } finally {
      this.#begun.resolve();
    }
  }

  async #start(sockets: readonly ServerSocket[]): Promise<void> {
    if (this.#isStopping()) {
      for (const socket of sockets) socket.letGo();
      return;
    }
    this.#sockets = sockets;
    this.#clock.start((elapsed) => this.#tick(elapsed));
    const { settings } = this.#setup;
    try {
      if (settings.dev) await listenEarly(this.#sockets, settings.backlog);
      else await this.#serve(await this.#prepare(this.#generation, this.#setup, 0));
      for (const socket of this.#sockets) await socket.publish();
    } catch (error) {
      if (this.#isStopping()) return;
      this.#state = 'draining';
      this.#clock.stop();
      for (const socket of this.#sockets) socket.letGo();
      // A socket that cannot be published leaves workers that serve it.
      for (const worker of this.#workers) worker.kill('stopped', 'the server does not start');
      throw error;
    }
    if (this.#isStopping()) return;
    if (settings.dev) {
      this.#generation = 0;
      await this.restart();
    } else {
      this.#state = 'serving';
      // One may have died since it accepted; until now nobody took its place.
      void this.#fill();
      this.#notify({ type: 'ready' });
    }
  }

  /** What the generation that serves was started with. */
  get setup(): WorkerSetup {
    return this.#setup;
  }

  /** Resolves when the server has stopped. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /**
   * Replaces all workers by a new generation, made of the settings and the code as they are now. Until the whole of it
   * has started and lived for `reloadWatch`, nothing changes; where that fails, nothing has changed. A reload during a
   * reload waits for its turn, and several of them become one; one during the start waits for its end.
   */
  reload(): Promise<ReloadResult> {
    if (this.#state === 'draining') return Promise.resolve(this.#refuse('the server is stopping'));
    if (this.#setup.settings.dev) return this.restart();
    if (this.#reload !== null) {
      this.#queued ??= Promise.withResolvers();
      return this.#queued.promise;
    }
    this.#reload = this.#runReload().finally(() => {
      this.#reload = null;
      const queued = this.#queued;
      this.#queued = null;
      if (queued !== null) queued.resolve(this.reload());
    });
    return this.#reload;
  }

  /**
   * For development: ends all workers, then starts a generation of the settings and the code as they are now. Meanwhile
   * connections wait in the backlogs. A generation that does not start leaves them waiting for the next restart, and a
   * restart during a restart begins it anew.
   */
  async restart(): Promise<ReloadResult> {
    if (this.#state === 'draining') return this.#refuse('the server is stopping');
    const begun = performance.now();
    const generation = ++this.#generation;
    const overtaken = (): boolean => generation !== this.#generation || this.#state === 'draining';
    this.#state = 'starting';
    try {
      await this.#clear();
      const setup = generation === 1 ? this.#setup : await this.#options.resolve();
      if (overtaken()) return this.#refuse('it was begun anew');
      if (this.#wanted === 0 || setup.workers !== this.#setup.workers) this.#wanted = setup.workers;
      this.#setup = setup;
      await this.#serve(await this.#prepare(generation, setup, 0));
    } catch (error) {
      if (overtaken()) return this.#refuse('it was begun anew');
      const { message, detail } = error as WorkerFailure;
      this.#log.error(detail ? { type: 'Error', stack: detail } : {}, message);
      const binds = this.#sockets.map(({ bind }) => bind);
      this.#log.info({ binds }, 'waiting for a change; requests wait as well');
      await this.#clear();
      const result = this.#refuse(message);
      this.#notify({ type: 'reloaded', result });
      return result;
    }
    if (overtaken()) return this.#refuse('it was begun anew');
    this.#state = 'serving';
    void this.#fill();
    const result = { ok: true, generation, reason: '' };
    if (!this.#served) this.#notify({ type: 'ready' });
    else {
      this.#log.info({ generation }, `restarted in ${Math.round(performance.now() - begun)} ms`);
      this.#notify({ type: 'reloaded', result });
    }
    this.#served = true;
    return result;
  }

  /** Ends every worker: what is in flight may be finished, but nobody waits for one that hangs or still starts. */
  async #clear(): Promise<void> {
    this.#backoffs.clear();
    for (const worker of this.#workers) {
      if (worker.state === 'accepting' && worker.silence < HANGS)
        worker.drain('reloaded', 'restarted', 0, this.#setup.settings.gracefulTimeout);
      else if (worker.state !== 'draining') worker.kill('reloaded', 'restarted');
    }
    await Promise.all(Array.from(this.#workers, ({ exited }) => exited));
  }

  /** Changes the number of workers; during the start, once that has come to its end. */
  async scale(wanted: number): Promise<void> {
    if (this.#state === 'starting') await this.#begun.promise;
    if (this.#isStopping()) return;
    const { settings } = this.#setup;
    this.#wanted = wanted;
    const surplus = this.#current().filter(({ worker }) => worker > wanted);
    for (const worker of surplus) worker.drain('scaled', 'scaled down', 0, settings.gracefulTimeout);
    await this.#fill();
  }

  /** Ends the server: gracefully, or at once. A fast stop cuts a graceful one short. */
  stop(how: 'graceful' | 'fast'): void {
    const first = this.#state !== 'draining';
    this.#state = 'draining';
    const { settings } = this.#setup;
    if (!first && how === 'graceful') return;
    if (!first) {
      for (const worker of this.#workers) worker.kill('stopped', 'stopped');
      return;
    }
    this.#notify({ type: 'draining' });
    void this.#end(() => {
      for (const worker of this.#workers) {
        // One that does not accept yet has nothing to finish.
        if (how === 'fast' || !worker.mayServe) worker.quit('stopped', 'stopped');
        else worker.drain('stopped', 'stopped', settings.drainDelay, settings.gracefulTimeout);
      }
    });
  }

  /** Drains all workers and keeps the arbiter with its sockets; a reload serves again. */
  windDown(): void {
    this.#wanted = 0;
    for (const worker of this.#current())
      worker.drain('stopped', 'wound down', 0, this.#setup.settings.gracefulTimeout);
  }

  /** Opens the log files again, after they were renamed. */
  reopen(): void {
    try {
      this.#options.onReopen();
    } catch (error) {
      this.#log.error({ err: error }, 'the log files are not opened again');
      return;
    }
    this.#log.reopen();
    for (const worker of this.#workers) worker.reopen();
  }

  /** Kills one worker; it is replaced. False when there is none of that number. */
  kill(number: number): boolean {
    const worker = this.#current().find((candidate) => candidate.worker === number);
    worker?.kill('killed', 'killed by the operator');
    return worker !== undefined;
  }

  status(): StatusReport {
    return {
      version: 1,
      name: this.#setup.settings.name,
      pid: process.pid,
      state: this.#state,
      generation: this.#generation,
      uptime: (performance.now() - this.#born) / 1000,
      binds: this.#sockets.map(({ bind }) => bind),
      wanted: this.#wanted,
      workers: Array.from(this.#workers, (worker) => ({
        worker: worker.worker,
        pid: worker.pid,
        generation: worker.generation,
        state: worker.state === 'gone' ? 'draining' : worker.state,
        age: worker.age / 1000,
        restarts: this.#restarts.get(worker.worker) ?? 0,
        silence: worker.silence / 1000,
        ready: worker.ready,
        reason: worker.reason,
        counters: worker.counters,
      })),
    };
  }

  // Prepare and commit

  /** Starts a whole generation that does not accept yet. Rejects, with all of it gone, when one of them fails. */
  #prepare(generation: number, setup: WorkerSetup, watch: number): Promise<WorkerProcess[]> {
    return prepareGeneration({
      numbers: range(1, this.#wanted),
      settings: setup.settings,
      watch,
      clock: this.#clock,
      spawn: (number) => this.#spawn(number, generation, setup),
      isStopping: () => this.#isStopping(),
    });
  }

  /** Lets `workers` accept. Rejects when one of them does not come to it. */
  async #serve(workers: readonly WorkerProcess[]): Promise<void> {
    for (const worker of workers) worker.accept();
    await Promise.all(workers.map(({ accepting }) => accepting));
  }

  /**
   * Lets a prepared generation accept, and drains the one before it. From here on there is no way back: a worker that
   * dies now is replaced like any other. Only where none of them comes to accept does the old generation stay.
   */
  async #commit(workers: readonly WorkerProcess[], setup: WorkerSetup): Promise<void> {
    for (const worker of workers) worker.accept();
    const results = await Promise.allSettled(workers.map(({ accepting }) => accepting));
    const failure = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failure !== undefined && results.every(({ status }) => status === 'rejected')) throw failure.reason;
    this.#setup = setup;
    this.#generation++;
    this.#backoffs.clear();
    this.#spreading.begin();
    // As they are now: while the new ones came to accept, one of the old may have died and been replaced.
    const old = [...this.#workers].filter((worker) => !workers.includes(worker));
    for (const worker of old) worker.drain('reloaded', 'reloaded', 0, setup.settings.gracefulTimeout);
    // Whoever hears that the reload is done meets the new code alone.
    await Promise.race([
      Promise.all(old.map(({ stoppedAccepting }) => stoppedAccepting)),
      delay(LAST_ACCEPT, undefined, { ref: false }),
    ]);
    // The number of workers may have changed meanwhile.
    for (const worker of this.#current()) {
      if (worker.worker > this.#wanted) worker.drain('scaled', 'scaled down', 0, setup.settings.gracefulTimeout);
    }
    void this.#fill();
  }

  /** Starts a worker for each place that has none. Resolves when they accept, or have failed to. */
  async #fill(): Promise<void> {
    const taken = new Set(this.#current().map(({ worker }) => worker));
    const missing = range(1, this.#wanted).filter((number) => !taken.has(number));
    await Promise.all(missing.map((number) => this.#replace(number, 0)));
  }

  async #runReload(): Promise<ReloadResult> {
    if (this.#state === 'starting') await this.#begun.promise;
    if (this.#isStopping()) return this.#refuse('the server is stopping');
    this.#state = 'reloading';
    this.#notify({ type: 'reloading' });
    const result = await this.#tryReload();
    if (this.#state === 'reloading') this.#state = 'serving';
    if (result.ok) this.#log.info({ generation: result.generation }, 'reloaded');
    else if (this.#isStopping()) this.#log.info({}, 'the reload is given up: the server is stopping');
    else
      this.#log.error(
        { generation: result.generation },
        `reload failed, generation ${result.generation} serves on: ${result.reason}`,
      );
    this.#notify({ type: 'reloaded', result });
    return result;
  }

  async #tryReload(): Promise<ReloadResult> {
    let undo = (): void => {};
    try {
      const setup = await this.#options.resolve();
      await this.#roomForDraining(setup.settings.maxDraining);
      if (this.#wanted === 0 || setup.workers !== this.#setup.workers) {
        const before = this.#wanted;
        this.#wanted = setup.workers;
        undo = () => {
          // Unless somebody asked for another number meanwhile.
          if (this.#wanted === setup.workers) this.#wanted = before;
        };
      }
      const next = await this.#prepare(this.#generation + 1, setup, setup.settings.reloadWatch);
      if (this.#state === 'draining') {
        for (const worker of next) worker.kill('stopped', 'stopped');
        return this.#refuse('the server is stopping');
      }
      await this.#commit(next, setup);
      return { ok: true, generation: this.#generation, reason: '' };
    } catch (error) {
      undo();
      if (this.#isStopping()) return this.#refuse('the server is stopping');
      const { message, detail, todo } = error as Error & { readonly detail?: string; readonly todo?: string };
      if (detail) this.#log.error({ stack: detail }, message);
      return this.#refuse(todo === undefined ? message : `${message}; ${todo}`);
    }
  }

  #refuse(reason: string): ReloadResult {
    return { ok: false, generation: this.#generation, reason };
  }

  /** Waits until few enough workers of earlier generations are still draining. */
  async #roomForDraining(most: number): Promise<void> {
    for (;;) {
      const draining = [...this.#workers].filter(({ state }) => state === 'draining');
      if (draining.length < most) return;
      await Promise.race(draining.map(({ exited }) => exited));
    }
  }

  // Supervision

  #spawn(number: number, generation: number, setup: WorkerSetup): WorkerProcess {
    const { settings, env, identity } = setup;
    const worker = new WorkerProcess({
      worker: number,
      generation,
      settings,
      env,
      identity,
      sockets: this.#sockets,
      clock: this.#clock,
      onState: () => this.#notify({ type: 'worker-state', worker }),
    });
    this.#workers.add(worker);
    this.#log.info({ worker: number, generation, pid: worker.pid }, `worker ${number} starts`);
    this.#notify({ type: 'worker-start', worker });
    worker.exited.then((exit) => {
      this.#workers.delete(worker);
      const wasServing = worker.generation === this.#generation;
      const end = worker.crash === '' ? describeExit(exit) : `${describeExit(exit)}: ${worker.crash}`;
      const reason = worker.endedFor || end;
      this.#notify({ type: 'worker-exit', worker, reason });
      const fields = { worker: number, generation, pid: worker.pid, ...exit };
      if (worker.endedFor === '') this.#log.error(fields, `worker ${number} ${end}`);
      else this.#log.info(fields, `worker ${number} has left: ${worker.endedFor}`);
      if (wasServing) this.#mend(worker, exit);
    });
    return worker;
  }

  /** Replaces a worker that is gone, where its place is still wanted and nobody has taken it. */
  #mend(gone: WorkerProcess, { signal }: WorkerExit): void {
    if (this.#state === 'starting' || this.#state === 'draining' || gone.worker > this.#wanted) return;
    if (this.#current().some(({ worker }) => worker === gone.worker)) return;
    // One that was killed from outside while it served tells nothing of what its successor will do.
    const fromOutside = gone.kind === 'killed' || (gone.kind === 'signal' && signal === 'SIGKILL');
    const pause = fromOutside ? 0 : this.#backoffOf(gone.worker).next(gone.age);
    if (pause > 0) this.#log.warn({ worker: gone.worker, pause }, `worker ${gone.worker} is replaced in ${pause} ms`);
    this.#restarts.set(gone.worker, (this.#restarts.get(gone.worker) ?? 0) + 1);
    void this.#replace(gone.worker, pause);
  }

  #backoffOf(number: number): Backoff {
    const backoff = this.#backoffs.get(number) ?? new Backoff();
    this.#backoffs.set(number, backoff);
    return backoff;
  }

  /** Starts a worker for one place and lets it accept. A failure is logged, and its exit leads to the next try. */
  async #replace(number: number, pause: number): Promise<WorkerProcess | null> {
    const generation = this.#generation;
    if (pause > 0) {
      await this.#clock.after(pause);
      // Whoever scaled or reloaded meanwhile did not wait for it.
      if (this.#current().some(({ worker }) => worker === number)) return null;
    }
    if (this.#state === 'draining' || generation !== this.#generation || number > this.#wanted) return null;
    const setup = this.#setup;
    let worker: WorkerProcess;
    try {
      worker = this.#spawn(number, generation, setup);
    } catch (error) {
      // Such as no memory for another process, or an environment that is too long (E2BIG).
      this.#log.error({ worker: number, err: error }, `worker ${number} could not be started; it is tried again`);
      return this.#replace(number, SPAWN_AGAIN);
    }
    try {
      await untilStarted(worker, setup.settings.startTimeout, this.#clock);
      worker.accept();
      await worker.accepting;
      this.#spreading.begin();
      return worker;
    } catch (error) {
      // Told to leave before it had started: a server that stops, or needs fewer workers again.
      if (worker.endedFor !== '') return null;
      const { message, detail } = error as WorkerFailure;
      this.#log.error({ worker: number, stack: detail }, message);
      worker.kill('failed_to_start', message);
      return null;
    }
  }

  #tick(elapsed: number): void {
    const { settings } = this.#setup;
    this.#spreading.beat(() => this.#current().filter(({ state }) => state === 'accepting'));
    for (const worker of this.#workers) {
      worker.silence += elapsed;
      if (worker.state !== 'accepting' && worker.state !== 'started') continue;
      if (settings.timeout > 0 && worker.silence > settings.timeout) {
        // As it said last. What it was at, its watchdog has told.
        const { connections } = worker.counters;
        this.#log.error(
          { worker: worker.worker, pid: worker.pid, connections },
          `worker ${worker.worker} hangs: no beat for ${settings.timeout} ms; it is replaced`,
        );
        worker.kill('hung', 'it hung');
      } else if (worker.state === 'accepting' && worker.generation === this.#generation) {
        const due = this.#recycling.due(worker, settings);
        if (due !== null && !this.#leaving.has(worker)) void this.#recycle(worker, due.kind, due.reason);
      }
    }
  }

  /** Replaces a healthy worker: the new one accepts before the old one drains. */
  async #recycle(worker: WorkerProcess, kind: ExitKind, reason: string): Promise<void> {
    this.#leaving.add(worker);
    const replacement = await this.#replace(worker.worker, 0);
    // A reload, a stop or its end was faster.
    if (worker.state !== 'accepting') return;
    if (replacement === null) {
      const pause = this.#backoffOf(worker.worker).next(0);
      this.#log.warn({ worker: worker.worker, pause }, `worker ${worker.worker} serves on, as it cannot be replaced`);
      await this.#clock.after(pause);
      this.#leaving.delete(worker);
    } else worker.drain(kind, `recycled: ${reason}`, 0, this.#setup.settings.gracefulTimeout);
  }

  /** The workers of the current generation that are not on their way out. */
  #current(): WorkerProcess[] {
    return [...this.#workers].filter(
      ({ generation, state }) => generation === this.#generation && state !== 'draining' && state !== 'gone',
    );
  }

  async #end(tell: () => void): Promise<void> {
    const { settings } = this.#setup;
    for (const socket of this.#sockets) socket.letGo();
    // While load balancers notice, everything goes on.
    if (settings.drainDelay > 0) {
      tell();
      const gone = Promise.all(Array.from(this.#workers, ({ exited }) => exited));
      await Promise.race([gone, delay(settings.drainDelay, undefined, { ref: false })]);
    }
    for (const socket of this.#sockets) await socket.unpublish();
    tell();
    while (this.#workers.size > 0) await Promise.race([...this.#workers].map(({ exited }) => exited));
    this.#clock.stop();
    this.#over.resolve();
  }

  #isStopping(): boolean {
    return this.#state === 'draining';
  }

  #notify(change: ArbiterChange): void {
    this.#options.onChange(change);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
