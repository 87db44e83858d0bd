// What a server takes with all the processes that it started: read from /proc, so it takes Linux.

import { readdirSync, readFileSync } from 'node:fs';

/** The processes `roots` and all that descend from them. Those that are gone are left out. */
export function treeOf(roots: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    if (stat !== '') parents.set(Number(name), parseParent(stat));
  }
  return descend(roots, parents);
}

/** The processes of `roots` that exist, and all below them, by a map from each process to its parent. */
export function descend(roots: readonly number[], parents: ReadonlyMap<number, number>): number[] {
  const tree = new Set(roots.filter((pid) => parents.has(pid)));
  // A child may have a lower number than its parent: numbers start again from below. So until nothing is found.
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree];
}

/** The parent in /proc/PID/stat, proc_pid_stat(5). The name before it may hold spaces and parentheses. */
export function parseParent(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Microseconds of CPU time that all threads of `pids` have taken so far, those that have ended left out. */
export function cpuOf(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    for (const task of list(`/proc/${pid}/task`)) sum += parseSchedstat(read(`/proc/${pid}/task/${task}/schedstat`));
  }
  return sum;
}

/**
 * Microseconds on a core, of a thread's /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst of Linux).
 * The kernel counts them in nanoseconds; what stands in `stat` has steps of 10 ms, too coarse for a short slice.
 */
export function parseSchedstat(schedstat: string): number {
  return Number(schedstat.split(' ', 1)[0]) / 1000;
}

/** Bytes of memory, what they share with others divided among them (PSS). NaN where the system does not tell. */
export function pssOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parsePss(read(`/proc/${pid}/smaps_rollup`)), 0);
}

/** Bytes, of what /proc/PID/smaps_rollup says; NaN for anything else. */
export function parsePss(smaps: string): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(smaps)?.[1]) * 1024;
}

// A process or a thread may end between being listed and being read.

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
