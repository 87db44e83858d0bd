// Which core the servers run on and which one the load, and how a process is put there.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Command words to put in front of another command. Empty where processes cannot be pinned. */
export interface Cores {
  readonly servers: readonly string[];
  readonly load: readonly string[];
  /** The cores that this process may use; none where processes cannot be pinned. */
  readonly all: readonly number[];
  readonly text: string;
}

/** The last core that this process may use for the servers, the first one for the load. Takes Linux, `taskset` and two cores. */
export function chooseCores(): Cores {
  const loose = (why: string): Cores => ({ servers: [], load: [], all: [], text: `not pinned to cores: ${why}` });
  if (process.platform !== 'linux') return loose('this is not Linux');
  if (spawnSync('taskset', ['--version']).error) return loose('there is no taskset (package util-linux)');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cores = parseCpuList(list);
  const [first, last] = [cores[0], cores.at(-1)];
  if (first === undefined || last === undefined || first === last) return loose('there is only one');
  return {
    servers: ['taskset', '-c', String(last)],
    load: ['taskset', '-c', String(first)],
    all: cores,
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

/** Puts a process, with all its threads, on the core that `words` name. */
function move(pid: number, words: readonly string[]): void {
  const core = words.at(-1);
  if (core !== undefined) execFileSync('taskset', ['-acp', core, String(pid)], { stdio: 'ignore' });
}

/** Puts a server on its core, once it has started: starting goes faster on all of them. */
export function moveToServerCore({ servers }: Cores, pid: number): void {
  move(pid, servers);
}

/** Puts this process beside the load: what it does is not the servers'. */
export function moveToLoadCore({ load }: Cores): void {
  move(process.pid, load);
}
