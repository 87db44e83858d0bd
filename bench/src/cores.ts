// Which core the servers run on and which one the load, and how a process is put there.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Command words to put in front of another command. Empty where processes cannot be pinned. */
export interface Cores {
  readonly servers: readonly string[];
  readonly load: readonly string[];
  readonly text: string;
}

/** The last core that this process may use for the servers, the first one for the load. Takes Linux, `taskset` and two cores. */
export function chooseCores(): Cores {
  const loose = (why: string): Cores => ({ servers: [], load: [], text: `not pinned to cores: ${why}` });
  if (process.platform !== 'linux') return loose('this is not Linux');
  if (spawnSync('taskset', ['--version']).error) return loose('there is no taskset (package util-linux)');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cores = parseCpuList(list);
  const [first, last] = [cores[0], cores.at(-1)];
  if (first === undefined || last === undefined || first === last) return loose('there is only one');
  return {
    servers: ['taskset', '-c', String(last)],
    load: ['taskset', '-c', String(first)],
    text: `servers on core ${last}, load on core ${first}`,
  };
}

/** The numbers in a list as the kernel writes it: `0-2,5`. */
export function parseCpuList(list: string): number[] {
  return list
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from, to = from] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
}

/** Puts this process, with all its threads, on the core of the load: what it does is not the servers'. */
export function moveToLoadCore({ load }: Cores): void {
  if (load.length > 0)
    execFileSync('taskset', ['-acp', load.at(-1) as string, String(process.pid)], { stdio: 'ignore' });
}
