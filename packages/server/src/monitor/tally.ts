// What the metrics are made of: the counts of workers that are gone, the last counts of those that live, and what
// happened to them. No sum ever falls: a worker's numbers move from the living to the gone in one step.

import type { Arbiter, ArbiterChange } from '../arbiter/arbiter.ts';
import { EXIT_KINDS, type ExitKind } from '../arbiter/exit-kind.ts';
import type { StatusReport } from '../arbiter/status.ts';
import type { WorkerProcess } from '../arbiter/worker-process.ts';
import { Reading } from '../worker/meter.ts';

/** The workers of one number since the start, one after the other, in all. */
export interface Place {
  requests: number;
  /** Microseconds of processor time. */
  cpu: number;
  /** Microseconds in which the event loop was busy. */
  active: number;
}

/** How the workers of one number are now. While one hands over to another, there are two. */
export interface Presence {
  connections: number;
  inFlight: number;
  /** Bytes. */
  memory: number;
  heap: number;
  /** Share of the last beat in which the event loop was busy, 0 to 1. */
  utilization: number;
  /** Mean delay of the event loop over the last beat, seconds. */
  delay: number;
  /** Seconds since the last beat. */
  silence: number;
}

/** All of it at one moment. */
export interface Snapshot {
  readonly status: StatusReport;
  /** Of all workers since the start. */
  readonly reading: Reading;
  readonly refused: number;
  /** By the number of a worker. */
  readonly places: ReadonlyMap<number, Readonly<Place>>;
  /** By the number of a worker that lives. */
  readonly present: ReadonlyMap<number, Readonly<Presence>>;
  readonly starts: number;
  readonly exits: Readonly<Record<ExitKind, number>>;
  readonly reloads: { readonly success: number; readonly failure: number };
  /** Whether the last reload came through; true where there was none. */
  readonly reloaded: boolean;
}

/** Follows an arbiter. */
export class Tally {
  readonly #live = new Set<WorkerProcess>();
  readonly #gone = new Reading();
  readonly #places = new Map<number, Place>();
  readonly #exits = Object.fromEntries(EXIT_KINDS.map((kind) => [kind, 0])) as Record<ExitKind, number>;
  readonly #reloads = { success: 0, failure: 0 };
  #reloaded = true;
  #refused = 0;
  #starts = 0;

  /** Takes in what happened. */
  note(change: ArbiterChange): void {
    if (change.type === 'worker-start') {
      this.#starts++;
      this.#live.add(change.worker);
    } else if (change.type === 'worker-exit') {
      const { worker } = change;
      this.#exits[worker.kind ?? 'exit']++;
      this.#live.delete(worker);
      this.#gone.add(worker.reading);
      // What it had in use is free again.
      this.#gone.heap = 0;
      this.#refused += worker.counters.refused;
      addPlace(this.#places, worker);
    } else if (change.type === 'reloaded') {
      this.#reloaded = change.result.ok;
      this.#reloads[this.#reloaded ? 'success' : 'failure']++;
    }
  }

  snapshot(arbiter: Arbiter): Snapshot {
    const reading = new Reading();
    reading.add(this.#gone);
    const places = new Map(Array.from(this.#places, ([number, place]) => [number, { ...place }]));
    const present = new Map<number, Presence>();
    let refused = this.#refused;
    for (const worker of this.#live) {
      reading.add(worker.reading);
      refused += worker.counters.refused;
      addPlace(places, worker);
      addPresence(present, worker);
    }
    return {
      status: arbiter.status(),
      reading,
      refused,
      places,
      present,
      starts: this.#starts,
      exits: this.#exits,
      reloads: this.#reloads,
      reloaded: this.#reloaded,
    };
  }
}

function addPlace(places: Map<number, Place>, { worker, counters, reading }: WorkerProcess): void {
  const place = places.get(worker) ?? { requests: 0, cpu: 0, active: 0 };
  place.requests += counters.requests;
  place.cpu += reading.cpu;
  place.active += reading.active;
  places.set(worker, place);
}

/** Of two workers of one number, amounts are added, and of the rest the worse one counts. */
function addPresence(present: Map<number, Presence>, { worker, counters, reading, silence }: WorkerProcess): void {
  const other = present.get(worker);
  present.set(worker, {
    connections: counters.connections + (other?.connections ?? 0),
    inFlight: counters.inFlight + (other?.inFlight ?? 0),
    memory: counters.memory + (other?.memory ?? 0),
    heap: reading.heap + (other?.heap ?? 0),
    utilization: Math.max(counters.utilization, other?.utilization ?? 0),
    delay: Math.max(counters.delay, other?.delay ?? 0),
    silence: Math.max(silence / 1000, other?.silence ?? 0),
  });
}
