// The listening sockets of a server: bound once by the arbiter, inherited by every worker, let go at the end.

import { lookup } from 'node:dns/promises';
import { BoundSocket } from 'node:net';
import { bindError } from '@tsgi/adapter-node';
import { checkDescriptor, checkPath, listenFds, SocketFile } from '@tsgi/adapter-unix-socket';
import { type Bind, parseBind, printBind } from '@tsgi/core';
import { SettingError } from '../settings/setting-error.ts';
import type { Settings } from '../settings/table.ts';
import { identityOf, ownerOf } from './identity.ts';

/** One socket of the server. */
export interface ServerSocket {
  /** Where it listens, with the port that the system chose. */
  readonly bind: string;
  readonly fd: number;
  /** Puts a Unix socket at its path, once somebody listens on it. */
  publish(): Promise<void>;
  /**
   * Closes the arbiter's own descriptor, so that the worker that leaves last is the socket's last holder and empties its
   * backlog. Workers go on accepting.
   */
  letGo(): void;
  /** Removes the file of a Unix socket, where it is still ours. */
  unpublish(): Promise<void>;
}

/** Binds every socket of `settings`. Throws the first error, with nothing left open. */
export async function openSockets(settings: Settings): Promise<ServerSocket[]> {
  const sockets: ServerSocket[] = [];
  try {
    for (const text of settings.bind) sockets.push(...(await open(parseBind(text), settings)));
  } catch (error) {
    for (const socket of sockets) socket.letGo();
    throw error;
  }
  return sockets;
}

async function open(bind: Bind, settings: Settings): Promise<ServerSocket[]> {
  switch (bind.kind) {
    case 'tcp':
      return [await openTcp(bind)];
    case 'unix':
      return [await openUnix(bind.path, settings)];
    case 'fd':
      checkDescriptor(bind.fd);
      return [inherited(bind.fd, printBind(bind))];
    case 'systemd':
      return fromSystemd(bind, settings);
  }
}

function fromSystemd(bind: Bind & { kind: 'systemd' }, settings: Settings): ServerSocket[] {
  const passed = listenFds();
  // Without a name all of them are meant, but for the one that the monitor is given.
  const meant = passed.filter(({ name }) =>
    bind.name === undefined ? !forMonitor(name, settings) : bind.name === name,
  );
  if (meant.length === 0) {
    const binds = passed.map(({ name }) => `systemd:${name}`).join(', ');
    throw new SettingError(
      `the bind ${printBind(bind)} is none of the sockets that systemd has passed (${binds || 'there are none'})`,
      'start the service by its socket unit, whose FileDescriptorName= is the name, or bind to an address',
    );
  }
  return meant.map(({ fd, name }) => inherited(fd, `systemd:${name}`));
}

function forMonitor(name: string, { monitorBind }: Settings): boolean {
  return monitorBind.includes(`systemd:${name}`);
}

async function openTcp(bind: Bind & { kind: 'tcp' }): Promise<ServerSocket> {
  try {
    // `:8000` asks for every address, which is :: with IPv4 included.
    const host = bind.host === '' ? '::' : (await lookup(bind.host)).address;
    const bound = new BoundSocket({ host, port: bind.port });
    const { port } = bound.address();
    return {
      bind: printBind({ ...bind, port }),
      fd: bound.fd(),
      publish: async () => {},
      letGo: () => bound.close(),
      unpublish: async () => {},
    };
  } catch (error) {
    throw bindError(bind, error as NodeJS.ErrnoException);
  }
}

async function openUnix(path: string, settings: Settings): Promise<ServerSocket> {
  // Before any worker is started, though publish() looks again.
  await checkPath(path, settings.takeOver);
  const file = new SocketFile(
    path,
    settings.socketMode,
    ownerOf(settings.socketOwner) ?? identityOf(settings) ?? undefined,
  );
  let published = false;
  return {
    bind: printBind({ kind: 'unix', path }),
    fd: file.bound.fd(),
    async publish() {
      if (published) return;
      await file.publish(settings.takeOver);
      published = true;
    },
    letGo: () => file.discard(),
    async unpublish() {
      if (published) await file.remove();
    },
  };
}

function inherited(fd: number, bind: string): ServerSocket {
  // Whoever made it keeps it: systemd goes on holding the socket while we restart.
  return { bind, fd, publish: async () => {}, letGo() {}, unpublish: async () => {} };
}
