// What a worker counts of each request for the metrics. Nothing is made per request: an index and a few additions into
// arrays of numbers. What changed goes to the arbiter with the next beat.
//
// Times are whole microseconds. Fractions of seconds give another sum in another order, and a counter would fall by the
// last digit when a worker's share of it moves from the living to the gone.

import type { Observe } from '@tsgi/adapter-node';
import type { MeterReport } from '../arbiter/messages.ts';

/** The methods that are told apart; what clients make up counts as `other`, so that they cannot add to the metrics. */
export const METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'other',
];

/** Upper bounds of the buckets of durations, seconds; one more holds the rest. */
export const DURATION_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Upper bounds of the buckets of event loop stalls, seconds; one more holds the rest. */
export const STALL_BOUNDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

// A row of numbers for each method: responses by the first digit of their status (at 0 those whose client left first),
// bytes of bodies, microseconds, and the buckets of durations.
export const RECEIVED = 6;
export const SENT = 7;
export const TIME = 8;
export const BUCKETS = 9;
export const ROW: number = BUCKETS + DURATION_BOUNDS.length + 1;

/** What a worker has metered since its start, or several have in all. Every number only grows, but for `heap`. */
export class Reading {
  /** A row for each of {@link METHODS}. */
  readonly rows: Float64Array = new Float64Array(METHODS.length * ROW);
  /** The buckets of {@link STALL_BOUNDS}, then the sum in microseconds. */
  readonly stalls: Float64Array = new Float64Array(STALL_BOUNDS.length + 2);
  /** Microseconds of processor time, of user and system. */
  cpu = 0;
  /** Microseconds in which the event loop was busy. */
  active = 0;
  /** Lines that the access log lost. */
  dropped = 0;
  /** Bytes in use on the heap of JavaScript, now. */
  heap = 0;

  /** Takes over what a report says. */
  take({ rows, stalls, cpu, active, dropped, heap }: MeterReport): void {
    for (const [method, row] of rows) this.rows.set(row, method * ROW);
    this.stalls.set(stalls);
    Object.assign(this, { cpu, active, dropped, heap });
  }

  /** Adds what `other` has. */
  add(other: Reading): void {
    for (let i = 0; i < this.rows.length; i++) this.rows[i] = (this.rows[i] as number) + (other.rows[i] as number);
    for (let i = 0; i < this.stalls.length; i++) {
      this.stalls[i] = (this.stalls[i] as number) + (other.stalls[i] as number);
    }
    this.cpu += other.cpu;
    this.active += other.active;
    this.dropped += other.dropped;
    this.heap += other.heap;
  }
}

/** The meter of one worker. */
export class Meter {
  readonly #reading = new Reading();
  readonly #changed: boolean[] = METHODS.map(() => false);

  /** Counts a request that has ended. */
  readonly observe: Observe = (request, ended) => {
    const method = indexOf(request.method);
    this.#changed[method] = true;
    const { rows } = this.#reading;
    const at = method * ROW;
    const { status } = ended;
    add(rows, at + Math.floor(status / 100), 1);
    add(rows, at + RECEIVED, ended.received);
    add(rows, at + SENT, ended.bytes);
    // Of a client that left first nobody knows how long its answer would have taken, and a WebSocket lives for hours.
    if (status < 200) return;
    add(rows, at + TIME, Math.round(ended.ms * 1000));
    add(rows, at + BUCKETS + bucketOf(ended.ms / 1000, DURATION_BOUNDS), 1);
  };

  /** Counts the longest time of a beat in which the event loop did not turn, in seconds. */
  stall(seconds: number): void {
    add(this.#reading.stalls, bucketOf(seconds, STALL_BOUNDS), 1);
    add(this.#reading.stalls, STALL_BOUNDS.length + 1, Math.round(seconds * 1e6));
  }

  /** What the arbiter is told: the numbers as they are now, of requests only the rows that changed since the last time. */
  report(now: Pick<MeterReport, 'cpu' | 'active' | 'dropped' | 'heap'>): MeterReport {
    const { rows, stalls } = this.#reading;
    const changed: [number, number[]][] = [];
    for (let method = 0; method < METHODS.length; method++) {
      if (!this.#changed[method]) continue;
      this.#changed[method] = false;
      changed.push([method, Array.from(rows.subarray(method * ROW, (method + 1) * ROW))]);
    }
    return { ...now, rows: changed, stalls: Array.from(stalls) };
  }
}

function add(numbers: Float64Array, at: number, amount: number): void {
  numbers[at] = (numbers[at] as number) + amount;
}

function bucketOf(value: number, bounds: readonly number[]): number {
  let i = 0;
  while (i < bounds.length && value > (bounds[i] as number)) i++;
  return i;
}

function indexOf(method: string): number {
  const index = METHODS.indexOf(method);
  return index < 0 ? METHODS.length - 1 : index;
}
