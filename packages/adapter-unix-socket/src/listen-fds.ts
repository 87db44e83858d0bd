// The sockets that systemd opened before it started this process, as sd_listen_fds(3) hands them over: descriptors from
// 3 on, their number in LISTEN_FDS, their names in LISTEN_FDNAMES, and in LISTEN_PID the process they are meant for.

import { TsgiError } from '@tsgi/core';

/** One descriptor of the activation. `name` is its FileDescriptorName=, which is the unit's name where none is set. */
export interface ListenFd {
  readonly fd: number;
  readonly name: string;
}

const FIRST = 3;
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];

// The variables are read once; whoever asks later gets the same list.
const lists = new WeakMap<object, readonly ListenFd[]>();

/**
 * Reads the activation's variables from `env` and removes them, so that no child process takes the descriptors for its
 * own. A second call with the same `env` returns the same list; without the variables it is empty. Throws
 * `TSGI_ERR_DESCRIPTOR` when they are meant for another process than `pid`, or are malformed.
 */
export function listenFds(
  env: Record<string, string | undefined> = process.env,
  pid: number = process.pid,
): readonly ListenFd[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_FDS === undefined && LISTEN_PID === undefined) return lists.get(env) ?? [];
  for (const name of VARIABLES) delete env[name];

  if (!/^\d{1,4}$/.test(LISTEN_FDS ?? '')) {
    throw wrong(`is not counted: LISTEN_FDS is ${quote(LISTEN_FDS)}`, 'let systemd set it, by a socket unit');
  }
  if (LISTEN_PID !== String(pid)) {
    throw wrong(
      `is for process ${quote(LISTEN_PID)} (LISTEN_PID), and this is process ${pid}`,
      'let ExecStart= start node itself: a wrapper such as npm, pnpm or a shell without exec takes its place',
    );
  }
  const count = Number(LISTEN_FDS);
  const names = LISTEN_FDNAMES?.split(':') ?? new Array<string>(count).fill('unknown');
  if (names.length !== count) {
    throw wrong(
      `is not clear: LISTEN_FDS is ${count}, and LISTEN_FDNAMES is ${quote(LISTEN_FDNAMES)}`,
      'let systemd set both, by a socket unit',
    );
  }
  const list = names.map((name, index) => ({ fd: FIRST + index, name }));
  lists.set(env, list);
  return list;
}

/**
 * The one descriptor that the bind `systemd` or `systemd:NAME` means. Throws `TSGI_ERR_DESCRIPTOR` where there is none
 * or more than one.
 */
export function chooseFd(list: readonly ListenFd[], name: string | undefined): number {
  const matching = name === undefined ? list : list.filter((one) => one.name === name);
  if (matching.length === 1) return (matching[0] as ListenFd).fd;
  if (list.length === 0) {
    throw wrong('is not there: LISTEN_FDS is not set', 'start the service by its socket unit, or bind to an address');
  }
  const names = list.map((one) => one.name).join(', ');
  const example = `systemd:${list[0]?.name}`;
  if (name === undefined)
    throw wrong(`is one of ${list.length}: ${names}`, `say which one to serve, such as ${example}`);
  if (matching.length === 0) throw wrong(`with the name ${name} is not there, only ${names}`, `bind to ${example}`);
  throw wrong(
    `with the name ${name} is one of ${matching.length}`,
    'give each socket a unit of its own, with its own FileDescriptorName=',
  );
}

function wrong(problem: string, todo: string): TsgiError {
  return new TsgiError('TSGI_ERR_DESCRIPTOR', { fd: 'from systemd', problem, todo });
}

function quote(text: string | undefined): string {
  return text === undefined ? 'not set' : JSON.stringify(text);
}
