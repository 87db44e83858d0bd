// The control socket: a Unix socket of the arbiter, for its user alone, where the commands of `tsgi` reach it.

import { lstatSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { SocketFile } from '@tsgi/adapter-unix-socket';
import { type Log, TsgiError } from '@tsgi/core';
import type { Arbiter, ArbiterChange } from '../arbiter/arbiter.ts';
import type { StartService } from '../arbiter/service.ts';
import type { WorkerFailure, WorkerProcess } from '../arbiter/worker-process.ts';
import { SettingError } from '../settings/setting-error.ts';
import { ControlClient } from './client.ts';
import { CONTROL_VERSION, type LastReload, type Progress, type WorkerStep } from './protocol.ts';
import { runCommand } from './run-command.ts';
import { part, Session } from './session.ts';
import { type ControlPlace, controlPlaces, makeFolder } from './where.ts';

/** Connections at once. */
const MOST_CONNECTIONS = 16;

/** Milliseconds that the server at an occupied path has to say who it is. */
const WHO = 1000;

/** Opens the control socket that the settings ask for. */
export const startControl: StartService = async (arbiter, { settings }, log) => {
  const { chosen, places } = controlPlaces(settings, process.env);
  const [place] = places;
  if (place === undefined) return null;
  try {
    const control = new Control(arbiter, log);
    await control.listen(place);
    log.info({ path: place.path }, `control socket at ${place.path}`);
    return control;
  } catch (error) {
    const occupied = await explainOccupied(error, place.path);
    if (chosen) throw occupied ?? error;
    // Nobody asked for it, so nobody is kept from serving; but a place that somebody else has prepared is not passed over.
    const unable = error instanceof SettingError || isOccupiedByFile(error, place.path);
    if (occupied === null && unable) throw error;
    const { message, todo } = occupied ?? (error as Error & { todo?: string });
    log.warn({ path: place.path }, `no control socket: ${message}${todo === undefined ? '' : `; ${todo}`}`);
    return null;
  }
};

/** What somebody who listens at the path says of himself, where that is why; else null. */
async function explainOccupied(error: unknown, path: string): Promise<SettingError | null> {
  if (!isOccupied(error) || isOccupiedByFile(error, path)) return null;
  const holder = await whoIsAt(path);
  return new SettingError(
    `the control socket ${path} is held by ${holder}`,
    'stop that one, or give this one another --control-socket or --name',
  );
}

function isOccupied(error: unknown): boolean {
  return error instanceof TsgiError && error.code === 'TSGI_ERR_SOCKET_OCCUPIED';
}

function isOccupiedByFile(error: unknown, path: string): boolean {
  return isOccupied(error) && lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false;
}

async function whoIsAt(path: string): Promise<string> {
  try {
    const client = await ControlClient.connect([{ path, folder: null }]);
    try {
      const { name, pid } = await client.request('status', {}, { timeout: WHO });
      return `the server ${name}, process ${pid}`;
    } finally {
      client.close();
    }
  } catch {
    return 'a program that does not say who it is';
  }
}

class Control {
  readonly #arbiter: Arbiter;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  /** Those who wait for a command, and hear of each worker meanwhile. */
  readonly #listeners = new Set<(progress: Progress) => void>();
  /** Connections that are told that there are too many. */
  #turnedAway = 0;
  #file: SocketFile | null = null;
  #lastReload: LastReload | null = null;

  constructor(arbiter: Arbiter, log: Log) {
    this.#arbiter = arbiter;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#receive(socket));
    // Such as no descriptor left to accept with.
    this.#server.on('error', (error) => log.warn({ err: error }, 'the control socket has failed to accept'));
  }

  /** Rejects with what is wrong with the place, with nothing left open. */
  async listen({ path, folder }: ControlPlace): Promise<void> {
    if (folder !== null) makeFolder(folder);
    const file = new SocketFile(path, 0o600, undefined);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(file.bound, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
    try {
      await file.publish(false);
    } catch (error) {
      this.#server.close();
      file.discard();
      throw error;
    }
    this.#file = file;
  }

  changed(change: ArbiterChange): void {
    if (change.type === 'reloaded') this.#lastReload = { ...change.result, at: new Date().toISOString() };
    if (change.type === 'worker-start') this.#listenForFailure(change.worker);
    const step = stepOf(change);
    if (step !== null) this.#tell(step);
  }

  async close(): Promise<void> {
    // While the socket is open, no other file can have its inode's number.
    await this.#file?.remove();
    this.#server.close();
    // Not ended here: to whoever has stopped the server, the end of the connection says that the process is gone.
    for (const session of this.#sessions) session.release();
  }

  async #receive(socket: Socket): Promise<void> {
    if (this.#sessions.size >= MOST_CONNECTIONS) {
      await this.#turnAway(socket);
      return;
    }
    const session = new Session(socket, async (request, tell) => {
      this.#listeners.add(tell);
      try {
        return await runCommand(request, this.#arbiter, this.#lastReload, tell);
      } finally {
        this.#listeners.delete(tell);
      }
    });
    this.#sessions.add(session);
    await session.serve();
    this.#sessions.delete(session);
  }

  async #turnAway(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    if (this.#turnedAway >= MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    const error = { code: 'too_many_connections', message: `there are ${MOST_CONNECTIONS} connections already` };
    socket.write(`${JSON.stringify({ v: CONTROL_VERSION, id: null, ok: false, error })}\n`);
    this.#turnedAway++;
    await part(socket);
    this.#turnedAway--;
  }

  #listenForFailure(worker: WorkerProcess): void {
    worker.accepting.catch(({ message, detail }: WorkerFailure) => {
      // One that was told to leave has not failed.
      if (worker.endedFor === '') this.#tell({ ...describe(worker), step: 'failed', reason: message, detail });
    });
  }

  #tell(step: WorkerStep): void {
    for (const listener of this.#listeners) listener(step);
  }
}

function stepOf(change: ArbiterChange): WorkerStep | null {
  switch (change.type) {
    case 'worker-start':
      return { ...describe(change.worker), step: 'starts' };
    case 'worker-state': {
      const { worker } = change;
      if (worker.state === 'started' || worker.state === 'accepting')
        return { ...describe(worker), step: worker.state };
      return { ...describe(worker), step: 'draining', reason: worker.endedFor };
    }
    case 'worker-exit':
      return { ...describe(change.worker), step: 'gone', reason: change.reason };
    default:
      return null;
  }
}

function describe({ worker, generation, pid, counters }: WorkerProcess): Omit<WorkerStep, 'step'> {
  return { worker, generation, pid, inFlight: counters.inFlight, reason: '', detail: '' };
}
