// Which processes listen at an address, as Linux tells it in /proc (proc(5)). Another system tells nothing, and of other
// users' processes only root learns.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Bind } from '@tsgi/core';

/** A process, for a message. */
export interface Holder {
  readonly pid: number;
  /** Its name, as ps shows it. */
  readonly name: string;
}

const LISTENING = '0A';

/** The processes that hold a listening socket at the TCP port or the Unix path of `bind`. */
export function holdersOf(bind: Bind): Holder[] {
  const inodes = bind.kind === 'tcp' ? tcpInodes(bind.port) : bind.kind === 'unix' ? unixInodes(bind.path) : [];
  if (inodes.length === 0) return [];
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => list(`/proc/${pid}/fd`).some((fd) => links.has(target(`/proc/${pid}/fd/${fd}`))))
    .map((pid) => ({ pid: Number(pid), name: lines(`/proc/${pid}/comm`)[0] ?? '' }));
}

/** /proc/net/tcp: `sl local_address rem_address st ... inode`, the port in hexadecimal digits after the colon. */
function tcpInodes(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(lines)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTENING)
    .map((fields) => fields[9] as string);
}

/** /proc/net/unix: `Num RefCount Protocol Flags Type St Inode Path`. Ours keep the temporary name that they were bound under. */
function unixInodes(path: string): string[] {
  const temporary = `${dirname(path)}/.${basename(path)}.`;
  return lines('/proc/net/unix')
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[7] === path || fields[7]?.startsWith(temporary))
    .map((fields) => fields[6] as string);
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
