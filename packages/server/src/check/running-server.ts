// The server that already runs with these settings, if one does: a check before a reload must not take it for a stranger.

import { holderOf } from '../arbiter/pid-file.ts';
import { ControlClient, NoServer } from '../control/client.ts';
import { controlPlaces } from '../control/where.ts';
import type { Settings } from '../settings/table.ts';
import { type Finding, failed, failure, ok, warning } from './finding.ts';

/** A running server. */
export interface RunningServer {
  readonly pid: number;
  /** Where it listens, as it says itself; empty where only its pid file is known. */
  readonly binds: readonly string[];
}

/** Looks for a running server by its control socket and by its pid file, and tells of both. */
export async function findRunning(settings: Settings): Promise<{ server: RunningServer | null; findings: Finding[] }> {
  const { server, findings } = await byControlSocket(settings);
  if (settings.pidfile === null) return { server, findings };
  const what = `pid file ${settings.pidfile}`;
  const pid = holderOf(settings.pidfile);
  if (pid === null) return { server, findings: [...findings, ok(what, 'no process that runs has it')] };
  if (server === null || server.pid === pid) {
    return { server: server ?? { pid, binds: [] }, findings: [...findings, warning(what, ...heldBy(pid))] };
  }
  const stranger = failed(what, `process ${pid} has it`, 'stop that one, or name another by --pidfile');
  return { server, findings: [...findings, stranger] };
}

/** What is said of whatever this server's own running process has. */
export function heldBy(pid: number): [text: string, todo: string] {
  return [`this server has it already (process ${pid})`, 'reload that one; a second one would not start'];
}

async function byControlSocket(settings: Settings): Promise<{ server: RunningServer | null; findings: Finding[] }> {
  const what = 'control socket';
  try {
    const { places } = controlPlaces(settings, process.env);
    const [first] = places;
    if (first === undefined) return { server: null, findings: [] };
    const client = await ControlClient.connect(places);
    try {
      const { pid, binds } = await client.request('status', {});
      const [text, todo] = heldBy(pid);
      return { server: { pid, binds }, findings: [warning(`${what} ${client.path}`, text, todo)] };
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof NoServer && error.silence === 'nobody')
      return { server: null, findings: [ok(what, 'nobody listens there')] };
    return { server: null, findings: [failure(what, error)] };
  }
}
