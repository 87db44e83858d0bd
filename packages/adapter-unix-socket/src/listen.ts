// Serves an application at a path, or on a socket that was inherited. The HTTP side is adapter-node's; this side is how
// the socket comes to its path, and how it leaves.

import {
  type CreateEngine,
  createNodeHttpEngine,
  type Engine,
  type ListenOptions,
  listen as listenOn,
  type NodeListening,
} from '@tsgi/adapter-node';
import { type Application, type Bind, parseBind, printBind, TsgiError } from '@tsgi/core';
import { checkDescriptor } from './descriptor.ts';
import { chooseFd, listenFds } from './listen-fds.ts';
import { checkPath, type Owner, SocketFile } from './socket-file.ts';

/** Options of {@link listen}: those of adapter-node, and what concerns the socket's file. */
export interface UnixSocketOptions extends ListenOptions {
  /**
   * Permission bits of the socket's file. To connect takes the right to write. Default `0o660`, its owner and its group
   * and nobody else: who can connect is past every check of the proxy in front, and is believed in what it says about
   * the client (`trust`). The proxy's user must be in the file's group; docs/unix-socket.md tells the ways to get there.
   */
  readonly mode?: number;
  /** Gives the file to this user and group, which takes root. Default: the process's own, or the folder's setgid group. */
  readonly owner?: Owner;
  /**
   * Takes the path over from a program that listens there: new connections come here from one moment to the next, and
   * the other one goes on with those that it has. It is not told. Default false: such a path is refused.
   */
  readonly takeOver?: boolean;
}

/**
 * Serves `application` on a Unix socket (`unix:/run/app.sock`), an inherited descriptor (`fd://3`), or a socket of
 * systemd (`systemd`, `systemd:NAME`). Resolves when connections are accepted. Rejects with a `TSGI_ERR_*` that says
 * what to do, or with what `application.start` threw; nothing is left open or behind then.
 *
 * The file is at its path only while the socket listens, and has its mode and owner from the first moment. `drain` and
 * `close` remove it, unless another server has taken the path over. The file of an inherited socket is left alone.
 */
export async function listen(
  application: Application,
  bind: string | Bind,
  options: UnixSocketOptions = {},
): Promise<NodeListening> {
  // Printed and read again, a bind that was built by hand meets the same checks as one that was written.
  const where = parseBind(typeof bind === 'string' ? bind : printBind(bind));
  switch (where.kind) {
    case 'unix':
      return listenAtPath(application, where, options);
    case 'fd':
      return listenOnDescriptor(application, where, where.fd, options);
    case 'systemd':
      return listenOnDescriptor(application, where, chooseFd(listenFds(), where.name), options);
    case 'tcp':
      throw new TsgiError('TSGI_ERR_BIND_KIND', {
        bind: printBind(where),
        adapter: '@tsgi/adapter-unix-socket',
        instead: '@tsgi/adapter-node for it, or a bind such as unix:/run/app.sock',
      });
  }
}

async function listenAtPath(
  application: Application,
  where: Bind & { kind: 'unix' },
  options: UnixSocketOptions,
): Promise<NodeListening> {
  const { mode = 0o660, owner, takeOver = false, engine = createNodeHttpEngine } = options;
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new TsgiError('TSGI_ERR_SOCKET_MODE', { path: where.path, mode });
  }
  // publish() looks again. This look is for the common mistake, before the application opens anything.
  await checkPath(where.path, takeOver);
  const file = new SocketFile(where.path, mode, owner);
  removedAtExit.add(file);
  try {
    const target: Bind = { kind: 'fd', fd: file.bound.fd() };
    const listening = await listenOn(application, target, { ...options, engine: atPath(engine, file, takeOver) });
    return withAddress(listening, where);
  } catch (error) {
    file.discard();
    removedAtExit.delete(file);
    throw error;
  }
}

/** `createEngine`'s engine, listening on `file`'s socket: published once it listens, removed when it leaves. */
function atPath(createEngine: CreateEngine, file: SocketFile, takeOver: boolean): CreateEngine {
  return (options) => {
    const engine = createEngine(options);
    const leave = async (): Promise<void> => {
      try {
        await file.remove();
      } catch (error) {
        // A stale file is replaced at the next start, so this is no reason to lose requests in a drain.
        options.log.warn({ err: error, path: file.path }, 'the file of the socket could not be removed');
      }
      removedAtExit.delete(file);
      await engine.leave?.();
    };
    return {
      async listen({ backlog }) {
        // The socket itself and not its number: two handles on one descriptor close it twice, and the second time it
        // may be another's.
        await engine.listen({ bound: file.bound, backlog });
        try {
          await file.publish(takeOver);
        } catch (error) {
          engine.destroyAll();
          await engine.closeListener();
          throw error;
        }
        return file.path;
      },
      get accepted() {
        return engine.accepted;
      },
      leave,
      lastCall: () => engine.lastCall(),
      shed: (count) => engine.shed(count),
      closeListener: () => engine.closeListener(),
      closeIdle: () => engine.closeIdle(),
      destroyAll: () => engine.destroyAll(),
      stats: () => engine.stats(),
    } satisfies Engine;
  };
}

async function listenOnDescriptor(
  application: Application,
  where: Bind,
  fd: number,
  options: ListenOptions,
): Promise<NodeListening> {
  checkDescriptor(fd);
  if (served.has(fd)) {
    // A second handle on it would close it under the first one; and once closed, its number may mean something else.
    const details = { fd, problem: 'has been served by this process already', todo: 'serve each descriptor once' };
    throw new TsgiError('TSGI_ERR_DESCRIPTOR', details);
  }
  served.add(fd);
  try {
    return withAddress(await listenOn(application, { kind: 'fd', fd }, options), where);
  } catch (error) {
    served.delete(fd);
    throw error;
  }
}

const served = new Set<number>();

function withAddress(listening: NodeListening, address: Bind): NodeListening {
  return {
    address,
    stats: () => listening.stats(),
    drain: (options) => listening.drain(options),
    stoppedAccepting: listening.stoppedAccepting,
    close: () => listening.close(),
    shed: (count) => listening.shed(count),
  };
}

// A process that ends without a drain, by process.exit() or an error that nobody caught, still takes its files along.
const removedAtExit = new Set<SocketFile>();
process.on('exit', () => {
  for (const file of removedAtExit) file.removeAtExit();
});
