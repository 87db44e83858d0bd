// One worker as the arbiter sees it: a child process that boots, starts, accepts, drains and is gone.

import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReportFile } from '../dev/imports.ts';
import type { Settings } from '../settings/table.ts';
import { Reading } from '../worker/meter.ts';
import { type ExitKind, kindOfExit } from './exit-kind.ts';
import type { Identity } from './identity.ts';
import type { Envelope, InheritedSocket, ToWorker, WorkerCounters } from './messages.ts';
import type { ObservedClock } from './observed-clock.ts';

/** Where a worker is in its life. Each step follows the one before; `gone` follows any. */
export type WorkerState = 'booting' | 'started' | 'accepting' | 'draining' | 'gone';

/** How a worker ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Why a worker did not come as far as it should. */
export class WorkerFailure extends Error {
  readonly worker: number;
  /** What the worker itself said of it; `''` where it died without a word. */
  readonly detail: string;

  constructor(worker: number, message: string, detail = '') {
    super(message);
    this.worker = worker;
    this.detail = detail;
  }
}

/** What a worker is started with. */
export interface WorkerOptions {
  readonly worker: number;
  readonly generation: number;
  readonly settings: Settings;
  readonly sockets: readonly { readonly fd: number; readonly bind: string }[];
  readonly env: NodeJS.ProcessEnv;
  /** Whom it runs as; null for whoever runs the arbiter. */
  readonly identity: Pick<Identity, 'uid' | 'gid'> | null;
  /** What the time to leave is measured by. */
  readonly clock: ObservedClock;
  /** Called when it has started, accepts, or drains. */
  readonly onState: () => void;
}

// A source beside sources, compiled beside what is compiled.
const MAIN = fileURLToPath(new URL(`../worker/main${extname(import.meta.filename)}`, import.meta.url));

// stdin, stdout, stderr and the channel come first in a worker's descriptors.
const FIRST_SOCKET = 4;

const NOTHING: WorkerCounters = {
  connections: 0,
  inFlight: 0,
  requests: 0,
  refused: 0,
  aborted: 0,
  responses: [0, 0, 0, 0, 0, 0],
  memory: 0,
  utilization: 0,
  delay: 0,
};

/** A worker process. Its promises tell how far it came; a caller who does not wait for one need not catch it. */
export class WorkerProcess {
  readonly worker: number;
  readonly generation: number;
  readonly pid: number;
  /** Milliseconds on the monotonic clock. */
  readonly bornAt: number = performance.now();
  /** Resolves when the application has started; rejects with a {@link WorkerFailure}. */
  readonly started: Promise<void>;
  /** Resolves when connections are accepted; rejects with a {@link WorkerFailure}. */
  readonly accepting: Promise<void>;
  /** Resolves when it accepts no more connections, at the latest when it is gone. */
  readonly stoppedAccepting: Promise<void>;
  readonly exited: Promise<WorkerExit>;
  /** Whether it has been told to accept. */
  mayServe = false;
  ready = false;
  reason = 'starting';
  counters: WorkerCounters = NOTHING;
  /** What it metered, as of its last beat. */
  readonly reading: Reading = new Reading();
  /** Milliseconds without a message, as the arbiter observed them. */
  silence = 0;
  /** Why the arbiter ended it; `''` where it did not. */
  endedFor = '';
  /** The kind of its end: from the moment at which the arbiter ends it, or, where it does not, once it is gone. */
  kind: ExitKind | null = null;
  /** Is told of each file that it imports, with `dev`. */
  onImported: ReportFile | null = null;
  /** The error that ended it, by its own account; `''` where it gave none. */
  crash = '';
  #state: WorkerState = 'booting';
  readonly #onState: () => void;
  readonly #child: ChildProcess;
  readonly #clock: ObservedClock;

  constructor(options: WorkerOptions) {
    const { worker, generation, settings, sockets } = options;
    this.worker = worker;
    this.generation = generation;
    this.#clock = options.clock;
    this.#onState = options.onState;
    const child = spawn(process.execPath, [...nodeArguments(settings), MAIN], {
      // Nothing but its own descriptors: Node opens every other one with close-on-exec.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd)],
      env: {
        ...options.env,
        TSGI_WORKER: String(worker),
        TSGI_GENERATION: String(generation),
        TSGI_LISTENING: sockets.map(({ bind }) => bind).join(','),
      },
      ...(options.identity === null ? {} : { uid: options.identity.uid, gid: options.identity.gid }),
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
    const started = Promise.withResolvers<void>();
    const accepting = Promise.withResolvers<void>();
    const stoppedAccepting = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<WorkerExit>();
    this.stoppedAccepting = stoppedAccepting.promise;
    exited.promise.then(() => stoppedAccepting.resolve());
    this.started = started.promise;
    this.accepting = accepting.promise;
    this.exited = exited.promise;
    this.started.catch(() => {});
    this.accepting.catch(() => {});

    const fail = (failure: WorkerFailure): void => {
      started.reject(failure);
      accepting.reject(failure);
    };
    child.on('message', (envelope: Partial<Envelope> | null) => {
      const message = envelope?.tsgi;
      if (message === undefined) return;
      this.silence = 0;
      switch (message.type) {
        case 'started':
          if (this.state === 'booting') this.#become('started');
          started.resolve();
          break;
        case 'accepting':
          if (this.state === 'started') this.#become('accepting');
          accepting.resolve();
          break;
        case 'stopped-accepting':
          stoppedAccepting.resolve();
          break;
        case 'ready':
          this.ready = message.ready;
          this.reason = message.reason;
          break;
        case 'failed':
          fail(
            new WorkerFailure(worker, `worker ${worker} failed to ${message.phase}: ${message.message}`, message.stack),
          );
          break;
        case 'imported':
          this.onImported?.(message.path, message.stamp);
          break;
        case 'crashed':
          this.crash = message.reason;
          break;
        case 'beat':
          this.counters = message.counters;
          if (message.meter !== undefined) this.reading.take(message.meter);
          break;
      }
    });
    // A child that could not be spawned has no exit.
    child.on('error', (error) => {
      fail(new WorkerFailure(worker, `worker ${worker} could not be started: ${error.message}`));
      if (child.pid === undefined) this.#end(exited, { code: null, signal: null });
    });
    // 'close' and not 'exit': its last messages have been read by then.
    child.on('close', (code, signal) => {
      fail(new WorkerFailure(worker, `worker ${worker} ${describeExit({ code, signal })} before it was ready`));
      this.#end(exited, { code, signal });
    });
    const inherited: InheritedSocket[] = sockets.map(({ bind }, i) => ({ fd: FIRST_SOCKET + i, bind }));
    this.#send({ type: 'boot', settings, worker, generation, sockets: inherited });
  }

  /** Age in milliseconds. */
  get age(): number {
    return performance.now() - this.bornAt;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Lets it accept, unless it is on its way out. */
  accept(): void {
    if (this.#state !== 'started') return;
    this.mayServe = true;
    this.#send({ type: 'accept' });
  }

  /** Finishes what is in flight and leaves; what outlasts `graceful` ms is cut. A worker that hangs is killed a moment later. */
  drain(kind: ExitKind, reason: string, delay: number, graceful: number): void {
    if (this.state === 'draining' || this.state === 'gone') return;
    this.kind ??= kind;
    this.endedFor = reason;
    this.ready = false;
    this.reason = 'draining';
    this.#become('draining');
    this.#send({ type: 'drain', delay, graceful });
    this.#killAfter(delay + graceful + LAST_SECONDS);
  }

  /** Leaves at once. */
  quit(kind: ExitKind, reason: string): void {
    if (this.state === 'gone') return;
    this.kind ??= kind;
    this.endedFor = reason;
    this.ready = false;
    this.#become('draining');
    this.#send({ type: 'quit' });
    this.#killAfter(LAST_SECONDS);
  }

  kill(kind: ExitKind, reason: string): void {
    if (this.state === 'gone') return;
    this.kind ??= kind;
    this.endedFor = reason;
    this.#child.kill('SIGKILL');
  }

  reopen(): void {
    this.#send({ type: 'reopen' });
  }

  shed(connections: number): void {
    this.#send({ type: 'shed', connections });
  }

  #become(state: WorkerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#onState();
  }

  #send(message: ToWorker): void {
    // A worker that is just leaving has no channel any more; its exit tells the rest.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #killAfter(ms: number): void {
    const gone = new AbortController();
    this.exited.then(() => gone.abort());
    void this.#clock.after(ms, gone.signal).then(() => this.kill(this.kind ?? 'stopped', this.endedFor));
  }

  #end(exited: PromiseWithResolvers<WorkerExit>, exit: WorkerExit): void {
    this.kind ??= kindOfExit(exit, this.state === 'accepting');
    this.#state = 'gone';
    this.ready = false;
    exited.resolve(exit);
  }
}

/** Milliseconds that a worker has to leave once nothing holds it. */
const LAST_SECONDS = 2000;

/** What node is started with to run an application. */
export function nodeArguments(settings: Settings): string[] {
  return [
    // Such as --conditions, without which a worker would load other files than its arbiter; but two debuggers cannot
    // have one port.
    ...process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    // A stray USR1 would open a debugger that takes orders from anyone on this machine.
    '--disable-sigusr1',
    ...settings.nodeArg,
    ...settings.import.flatMap((module) => ['--import', module]),
  ];
}

/** How a process ended, for a line in the log: `was killed by SIGKILL`, `exited with status 1`. */
export function describeExit({ code, signal }: WorkerExit): string {
  // V8 aborts when its heap is full (--max-old-space-size).
  if (signal === 'SIGABRT' || code === 134) return 'was aborted (SIGABRT): out of memory, or an abort of native code';
  if (signal !== null) return `was killed by ${signal}`;
  return code === null ? 'never ran' : `exited with status ${code}`;
}
