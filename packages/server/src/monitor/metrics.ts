// Every metric, declared once: its name, what it says, its labels, and where its numbers come from. docs/metrics.md has
// a line for each, and a test holds the two together.

import { createRequire } from 'node:module';
import type { AggregatorRegistry } from 'prom-client';
import { version } from '../version.ts';
import { BUCKETS, DURATION_BOUNDS, METHODS, RECEIVED, ROW, SENT, STALL_BOUNDS, TIME } from '../worker/meter.ts';
import { readinessOf } from './readiness.ts';
import type { Place, Presence, Snapshot } from './tally.ts';

/** One metric. */
export interface Metric {
  /** Without the prefix `tsgi_`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly values: (snapshot: Snapshot) => Value[];
}

interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Of one of the series of a histogram: `..._bucket`, `..._sum`, `..._count`. */
  readonly metricName?: string;
}

/** The type of the content of `/metrics`. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const STATES = ['booting', 'started', 'accepting', 'draining'] as const;
const STATUSES = [1, 2, 3, 4, 5];

const require = createRequire(import.meta.url);

// The part of prom-client that prints what several processes have counted. The whole of it, with its OpenTelemetry and
// what it measures of its own process, takes 8 MB of memory more (PSS, Node 26).
const Aggregator = require('prom-client/lib/cluster.js') as typeof AggregatorRegistry;

export const METRICS: readonly Metric[] = [
  // traffic
  {
    name: 'requests_total',
    type: 'counter',
    help: 'Requests that were answered, by method and class of the status.',
    labels: ['method', 'status'],
    values: ({ reading }) =>
      usedMethods(reading.rows).flatMap(([method, row]) =>
        STATUSES.map((digit) => ({ labels: { method, status: `${digit}xx` }, value: row[digit] as number })),
      ),
  },
  {
    name: 'request_duration_seconds',
    type: 'histogram',
    help: 'Time from the head of a request to the end of its answer. Upgraded connections are left out.',
    labels: ['method'],
    values: ({ reading }) =>
      usedMethods(reading.rows).flatMap(([method, row]) =>
        histogram('request_duration_seconds', { method }, DURATION_BOUNDS, row.subarray(BUCKETS), row[TIME]),
      ),
  },
  counter('requests_aborted_total', 'Requests whose client left before the answer was sent.', ({ reading }) =>
    sumOf(reading.rows, 0),
  ),
  counter(
    'refused_total',
    'Requests and connections that the server itself answered: malformed, too long, too slow, too many.',
    ({ refused }) => refused,
  ),
  counter('request_bytes_total', 'Bytes of the bodies of requests.', ({ reading }) => sumOf(reading.rows, RECEIVED)),
  counter('response_bytes_total', 'Bytes of the bodies of responses.', ({ reading }) => sumOf(reading.rows, SENT)),
  presence('connections', 'Open connections, by worker.', ({ connections }) => connections),
  presence('requests_in_flight', 'Requests that are not answered yet, by worker.', ({ inFlight }) => inFlight),
  place('worker_requests_total', 'Requests that a worker has begun, by worker.', ({ requests }) => requests),
  counter(
    'access_log_dropped_lines_total',
    'Lines that the access log lost, because its file took none.',
    ({ reading }) => reading.dropped,
  ),
  // workers
  {
    name: 'workers',
    type: 'gauge',
    help: 'Workers, by where they are in their life.',
    labels: ['state'],
    values: ({ status }) =>
      STATES.map((state) => ({
        labels: { state },
        value: status.workers.filter((worker) => worker.state === state).length,
      })),
  },
  gauge('workers_wanted', 'How many workers there should be.', ({ status }) => status.wanted),
  gauge(
    'workers_ready',
    'Workers that accept connections and say that they are ready.',
    ({ status }) => readinessOf(status).workers.filter(({ ready }) => ready).length,
  ),
  counter('worker_starts_total', 'Worker processes that were started.', ({ starts }) => starts),
  {
    name: 'worker_exits_total',
    type: 'counter',
    help: 'Worker processes that ended, by reason.',
    labels: ['reason'],
    values: ({ exits }) => Object.entries(exits).map(([reason, value]) => ({ labels: { reason }, value })),
  },
  place('worker_cpu_seconds_total', 'Processor time, user and system, by worker.', ({ cpu }) => cpu / 1e6),
  presence('worker_memory_bytes', 'Resident memory, by worker.', ({ memory }) => memory),
  presence('worker_heap_used_bytes', 'Memory in use on the heap of JavaScript, by worker.', ({ heap }) => heap),
  presence(
    'worker_silence_seconds',
    'Time since the last beat, by worker; a main loop that hangs does not beat.',
    ({ silence }) => silence,
  ),
  // event loop
  presence(
    'worker_event_loop_utilization_ratio',
    'Share of the last beat, 200 ms, in which the event loop was busy, by worker.',
    ({ utilization }) => utilization,
  ),
  presence(
    'worker_event_loop_delay_seconds',
    'Mean delay of the event loop over the last beat, 200 ms, by worker.',
    ({ delay }) => delay,
  ),
  place(
    'worker_event_loop_active_seconds_total',
    'Time in which the event loop was busy, by worker.',
    ({ active }) => active / 1e6,
  ),
  {
    name: 'event_loop_stall_seconds',
    type: 'histogram',
    help: 'The longest delay of the event loop within each beat, 200 ms, of each worker.',
    labels: [],
    values: ({ reading }) =>
      histogram('event_loop_stall_seconds', {}, STALL_BOUNDS, reading.stalls, reading.stalls[STALL_BOUNDS.length + 1]),
  },
  // server
  gauge('ready', '1 while /readyz says that the server is ready, else 0.', ({ status }) =>
    Number(readinessOf(status).ready),
  ),
  {
    name: 'reloads_total',
    type: 'counter',
    help: 'Reloads, by result.',
    labels: ['result'],
    values: ({ reloads }) => Object.entries(reloads).map(([result, value]) => ({ labels: { result }, value })),
  },
  gauge('last_reload_successful', '1 where the last reload came through or there was none, else 0.', ({ reloaded }) =>
    Number(reloaded),
  ),
  gauge('generation', 'The generation that serves; each reload makes the next one.', ({ status }) => status.generation),
  gauge('uptime_seconds', 'Time since the server was started.', ({ status }) => status.uptime),
  gauge('arbiter_memory_bytes', 'Resident memory of the arbiter.', () => process.memoryUsage.rss()),
  counter('arbiter_cpu_seconds_total', 'Processor time of the arbiter, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
  {
    name: 'build_info',
    type: 'gauge',
    help: 'Always 1; its labels say what runs.',
    labels: ['name', 'version', 'node_version'],
    values: ({ status }) => [{ labels: { name: status.name, version, node_version: process.versions.node }, value: 1 }],
  },
];

/** All metrics in Prometheus' text format. */
export function render(snapshot: Snapshot): Promise<string> {
  const metrics = METRICS.map(({ name, type, help, values }) => ({
    name: `tsgi_${name}`,
    type,
    help,
    aggregator: 'sum',
    values: values(snapshot),
  }));
  return Aggregator.aggregate([metrics]).metrics();
}

function counter(name: string, help: string, value: (snapshot: Snapshot) => number): Metric {
  return { name, type: 'counter', help, labels: [], values: (snapshot) => [{ labels: {}, value: value(snapshot) }] };
}

function gauge(name: string, help: string, value: (snapshot: Snapshot) => number): Metric {
  return { ...counter(name, help, value), type: 'gauge' };
}

/** A counter of the workers of one number, whichever process it is. */
function place(name: string, help: string, value: (place: Place) => number): Metric {
  return {
    name,
    type: 'counter',
    help,
    labels: ['worker'],
    values: ({ places }) => Array.from(places, ([worker, one]) => ({ labels: { worker }, value: value(one) })),
  };
}

/** A gauge of the workers that there are. */
function presence(name: string, help: string, value: (presence: Presence) => number): Metric {
  return {
    name,
    type: 'gauge',
    help,
    labels: ['worker'],
    values: ({ present }) => Array.from(present, ([worker, one]) => ({ labels: { worker }, value: value(one) })),
  };
}

function histogram(
  name: string,
  labels: Value['labels'],
  bounds: readonly number[],
  buckets: Float64Array,
  microseconds = 0,
): Value[] {
  let count = 0;
  const values: Value[] = [...bounds, '+Inf'].map((le, i) => {
    count += buckets[i] as number;
    return { metricName: `tsgi_${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  values.push({ metricName: `tsgi_${name}_sum`, labels, value: microseconds / 1e6 });
  values.push({ metricName: `tsgi_${name}_count`, labels, value: count });
  return values;
}

/** The rows of the methods that somebody has used, and of GET in any case, so that there is a series from the start. */
function usedMethods(rows: Float64Array): [string, Float64Array][] {
  return METHODS.map((method, i): [string, Float64Array] => [method, rows.subarray(i * ROW, (i + 1) * ROW)]).filter(
    ([method, row]) => method === 'GET' || row.some((number) => number > 0),
  );
}

function sumOf(rows: Float64Array, column: number): number {
  let sum = 0;
  for (let at = column; at < rows.length; at += ROW) sum += rows[at] as number;
  return sum;
}
