// How many processors this process may keep busy: what its affinity and the CPU quota of its cgroup leave it.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** At least 1. A quota of one and a half processors counts as one: a worker that is throttled is slow for everyone. */
export function processors(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(quota())));
}

/** Processors that the cgroup allows (cgroup v2: cpu.max; v1: cpu.cfs_quota_us); Infinity where it sets no limit. */
function quota(): number {
  const [most = 'max', period = ''] = read('/sys/fs/cgroup/cpu.max').trim().split(' ');
  if (Number(most) > 0 && Number(period) > 0) return Number(most) / Number(period);
  // libuv asks version 2 alone, as far as was seen on Node 26.10.
  const old = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'));
  const per = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us'));
  return old > 0 && per > 0 ? old / per : Number.POSITIVE_INFINITY;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
