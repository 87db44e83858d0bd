// What an arbiter tells of itself and its workers, to its operator and to whoever watches it.

import type { WorkerCounters } from './messages.ts';

/** The state of a server at one moment. */
export interface StatusReport {
  /** Of this report's form. */
  readonly version: 1;
  readonly name: string;
  readonly pid: number;
  readonly state: 'starting' | 'serving' | 'reloading' | 'draining';
  readonly generation: number;
  /** Seconds. */
  readonly uptime: number;
  readonly binds: readonly string[];
  /** How many workers there should be. */
  readonly wanted: number;
  readonly workers: readonly WorkerReport[];
}

export interface WorkerReport {
  readonly worker: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: 'booting' | 'started' | 'accepting' | 'draining';
  /** Seconds. */
  readonly age: number;
  /** How often a worker of this number had to be replaced. */
  readonly restarts: number;
  /** Seconds since it was last heard; its main loop beats five times a second. */
  readonly silence: number;
  readonly ready: boolean;
  /** Why it is not ready; `''` when it is. */
  readonly reason: string;
  readonly counters: WorkerCounters;
}

/** How a reload ended. `generation` is the one that serves now. */
export interface ReloadResult {
  readonly ok: boolean;
  readonly generation: number;
  readonly reason: string;
}
