// A load of keep-alive clients that loses no count: how many requests were sent, how many failed and how, and how long the
// others took, by phase. For whatever is done to a server meanwhile: replacing workers, reloading, taking sockets over.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from '../servers.ts';
import { Client } from './client.ts';
import { items, type Questions } from './question.ts';

export type { Question, Questions } from './question.ts';

export interface LoadOptions {
  readonly target: Target;
  /** Clients, each with one connection and one request at a time. Default 60. */
  readonly clients?: number;
  /** What they ask. Default: what the application of the load answers, a GET and a POST of 16 KiB by turns. */
  readonly questions?: Questions;
  /** Milliseconds that a client waits between two requests. Default 0: the load is as much as the server answers. */
  readonly pause?: number;
}

/** What happened in one phase of a load. A request belongs to the phase in which it ended. */
export interface PhaseReport {
  readonly requests: number;
  /** Counts by what went wrong. */
  readonly failures: Readonly<Record<string, number>>;
  readonly failed: number;
  /** Milliseconds; 0 for no request. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** How many processes answered. */
  readonly processes: number;
}

/** A load that runs, on an application such as {@link import('./application.ts').loadApplication}. */
export interface RunningLoad {
  /** Resolves when this many requests have ended from now on, failed ones included. */
  answered(requests: number): Promise<void>;
  /** Ends the phase and begins the next one. */
  next(): PhaseReport;
  /** Lets every client finish its request, and ends the last phase. */
  stop(): Promise<PhaseReport>;
}

class Phase {
  readonly #times: RecordableHistogram = createHistogram();
  readonly #failures: Record<string, number> = {};
  readonly #processes = new Set<string>();

  ok(process: string, milliseconds: number): void {
    this.#times.record(Math.max(1, Math.round(milliseconds * 1000)));
    this.#processes.add(process);
  }

  failed(kind: string): void {
    this.#failures[kind] = (this.#failures[kind] ?? 0) + 1;
  }

  report(): PhaseReport {
    const failed = Object.values(this.#failures).reduce((sum, count) => sum + count, 0);
    const some = this.#times.count > 0;
    return {
      requests: this.#times.count + failed,
      failures: this.#failures,
      failed,
      p50: some ? this.#times.percentile(50) / 1000 : 0,
      p99: some ? this.#times.percentile(99) / 1000 : 0,
      slowest: some ? this.#times.max / 1000 : 0,
      processes: this.#processes.size,
    };
  }
}

/** Begins at once, and goes on until it is stopped. */
export function startLoad({ target, clients = 60, questions = items, pause = 0 }: LoadOptions): RunningLoad {
  let phase = new Phase();
  let stopping = false;
  let number = 0;
  let ended = 0;
  const waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();
  const run = async (first: number): Promise<void> => {
    const client = new Client(target);
    for (let turn = first; !stopping; turn++) {
      const outcome = await client.send(questions(turn, number++));
      if (outcome.ok) phase.ok(outcome.process, outcome.milliseconds);
      else phase.failed(outcome.kind);
      ended++;
      for (const waiter of waiting) {
        if (ended < waiter.at) continue;
        waiting.delete(waiter);
        waiter.resolve();
      }
      if (pause > 0) await delay(pause);
    }
    client.close();
  };
  const running = Promise.all(Array.from({ length: clients }, (_, i) => run(i)));
  return {
    answered: (requests) => new Promise((resolve) => waiting.add({ at: ended + requests, resolve })),
    next() {
      const last = phase;
      phase = new Phase();
      return last.report();
    },
    async stop() {
      stopping = true;
      await running;
      return phase.report();
    },
  };
}
