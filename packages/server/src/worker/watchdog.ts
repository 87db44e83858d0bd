// The watchdog of a worker, from the main thread's side: a beat that shows that the main loop turns, and the thread that
// looks at it.

import { extname } from 'node:path';
import { Worker as Thread } from 'node:worker_threads';
import type { Log } from '@tsgi/core';
import type { Settings } from '../settings/table.ts';
import { IN_FLIGHT_BYTES, InFlightTable } from './in-flight.ts';

/** Milliseconds between two beats of the main loop. */
const BEAT = 100;

/** What the thread is given. */
export interface WatchdogData {
  readonly settings: Settings;
  readonly worker: number;
  readonly generation: number;
  /** One counter that grows with each beat. */
  readonly beats: SharedArrayBuffer;
  readonly inFlight: SharedArrayBuffer;
}

/** Starts the watchdog, and gives the table that it reads the requests in flight from. */
export function startWatchdog(settings: Settings, worker: number, generation: number, log: Log): InFlightTable {
  const beats = new SharedArrayBuffer(4);
  const inFlight = new SharedArrayBuffer(IN_FLIGHT_BYTES);
  const counter = new Int32Array(beats);
  setInterval(() => Atomics.add(counter, 0, 1), BEAT).unref();
  const workerData: WatchdogData = { settings, worker, generation, beats, inFlight };
  const thread = new Thread(new URL(`./watchdog-thread${extname(import.meta.filename)}`, import.meta.url), {
    workerData,
    // It needs next to nothing, and must not grow with the process.
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  thread.unref();
  // Out of descriptors or of its memory. The arbiter counts the beats all the same; nobody will tell where a loop hangs.
  thread.on('error', (error) => log.error({ err: error }, `the watchdog of worker ${worker} has ended`));
  return new InFlightTable(inFlight);
}
