// The start of a whole generation: every worker of it has started its application before one of them may accept.

import type { Settings } from '../settings/table.ts';
import type { ObservedClock } from './observed-clock.ts';
import { describeExit, WorkerFailure, type WorkerProcess } from './worker-process.ts';

/** How a generation is started. */
export interface GenerationPlan {
  /** The numbers of its workers. */
  readonly numbers: readonly number[];
  readonly settings: Pick<Settings, 'reloadBatch' | 'startTimeout'>;
  /** Milliseconds that all of them must live for after their start. */
  readonly watch: number;
  readonly clock: ObservedClock;
  readonly spawn: (number: number) => WorkerProcess;
  readonly isStopping: () => boolean;
}

/** Starts workers that do not accept yet. Rejects with a {@link WorkerFailure}, with all of them gone, when one fails. */
export async function prepareGeneration(plan: GenerationPlan): Promise<WorkerProcess[]> {
  const { settings, clock, watch } = plan;
  const workers: WorkerProcess[] = [];
  const numbers = [...plan.numbers];
  try {
    const boot = async (): Promise<void> => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        if (plan.isStopping()) throw new Error('the server is stopping');
        const worker = plan.spawn(number);
        workers.push(worker);
        await untilStarted(worker, settings.startTimeout, clock);
      }
    };
    const batch = Math.min(settings.reloadBatch, numbers.length);
    await Promise.all(Array.from({ length: batch }, boot));
    if (watch > 0) await survive(workers, watch, clock);
    return workers;
  } catch (error) {
    numbers.length = 0;
    // Those of a server that stops have been told to leave, and for how long they may take.
    if (!plan.isStopping()) {
      const { worker: culprit } = error as Partial<WorkerFailure>;
      for (const worker of workers)
        worker.kill(worker.worker === culprit ? 'failed_to_start' : 'rolled_back', 'its generation failed');
    }
    await Promise.all(workers.map(({ exited }) => exited));
    throw error;
  }
}

/** Resolves when the application of `worker` has started. Rejects when it fails, or takes longer than `ms`. */
export async function untilStarted(worker: WorkerProcess, ms: number, clock: ObservedClock): Promise<void> {
  const done = new AbortController();
  const late = clock.after(ms, done.signal).then(() => {
    if (!done.signal.aborted)
      throw new WorkerFailure(worker.worker, `worker ${worker.worker} was not ready within ${ms} ms`);
  });
  try {
    await Promise.race([worker.started, late]);
  } finally {
    done.abort();
  }
}

/** Resolves when all of `workers` have lived for `ms`; rejects when one has not. */
async function survive(workers: readonly WorkerProcess[], ms: number, clock: ObservedClock): Promise<void> {
  const deaths = workers.map(async (worker) => {
    const exit = await worker.exited;
    throw new WorkerFailure(
      worker.worker,
      `worker ${worker.worker} ${describeExit(exit)} within ${ms} ms of its start`,
    );
  });
  for (const death of deaths) death.catch(() => {});
  await Promise.race([clock.after(ms), ...deaths]);
}
