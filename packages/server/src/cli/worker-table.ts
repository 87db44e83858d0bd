// A status as an operator reads it: what the server does, and a row for each worker.

import type { WorkerReport } from '../arbiter/status.ts';
import type { ControlStatus } from '../control/protocol.ts';
import { readinessOf } from '../monitor/readiness.ts';
import { columns, printable } from './columns.ts';
import { plural } from './server-command.ts';

/** One column of the table of workers. */
export interface WorkerColumn {
  readonly title: string;
  readonly right?: boolean;
  readonly cell: (worker: WorkerReport) => string;
}

export const WORKER: WorkerColumn = { title: 'WORKER', right: true, cell: ({ worker }) => String(worker) };
export const PID: WorkerColumn = { title: 'PID', right: true, cell: ({ pid }) => String(pid) };
export const GENERATION: WorkerColumn = { title: 'GEN', right: true, cell: ({ generation }) => String(generation) };
export const STATE: WorkerColumn = { title: 'STATE', cell: ({ state }) => state };
export const AGE: WorkerColumn = { title: 'AGE', right: true, cell: ({ age }) => showSpan(age) };
export const RESTARTS: WorkerColumn = { title: 'RESTARTS', right: true, cell: ({ restarts }) => String(restarts) };
export const REQUESTS: WorkerColumn = {
  title: 'REQUESTS',
  right: true,
  cell: ({ counters }) => String(counters.requests),
};
export const IN_FLIGHT: WorkerColumn = {
  title: 'IN FLIGHT',
  right: true,
  cell: ({ counters }) => String(counters.inFlight),
};
export const CONNECTIONS: WorkerColumn = {
  title: 'CONNS',
  right: true,
  cell: ({ counters }) => String(counters.connections),
};
/** Event-loop utilisation. */
export const LOOP: WorkerColumn = {
  title: 'LOOP',
  right: true,
  cell: ({ counters }) => `${Math.round(counters.utilization * 100)}%`,
};
export const MEMORY: WorkerColumn = {
  title: 'MEMORY',
  right: true,
  cell: ({ counters }) => showBytes(counters.memory),
};

/** The lines above the table. */
export function headOf(status: ControlStatus): string[] {
  const { name, state, generation, pid, uptime, binds, wanted, workers, lastReload } = status;
  const serving = workers.filter((worker) => worker.generation === generation && worker.state === 'accepting').length;
  const { ready, reasons } = readinessOf(status);
  const lines = [
    `${name}: ${state}, generation ${generation}, ${serving} of ${plural(wanted, 'worker')} ${serving === 1 ? 'accepts' : 'accept'}, process ${pid}, up ${showSpan(uptime)}`,
  ];
  if (binds.length > 0) lines.push(`listens on ${binds.join(', ')}`);
  if (!ready) lines.push(`not ready: ${reasons.join('; ')}`);
  if (lastReload !== null) {
    const ago = `${showSpan((Date.now() - Date.parse(lastReload.at)) / 1000)} ago`;
    lines.push(
      lastReload.ok
        ? `last reload ${ago}: generation ${lastReload.generation} took over`
        : `LAST RELOAD FAILED ${ago}: ${lastReload.reason}`,
    );
  }
  return lines.map(printable);
}

/** A row for each worker, by number and generation, with a note where something is the matter. */
export function workerTable(status: ControlStatus, shown: readonly WorkerColumn[]): string[] {
  const notes = new Map(readinessOf(status).workers.map((worker, i) => [status.workers[i], worker.reason]));
  const workers = status.workers.toSorted((a, b) => a.worker - b.worker || a.generation - b.generation);
  const rows = workers.map((worker) => [...shown.map(({ cell }) => cell(worker)), noteOf(worker, notes.get(worker))]);
  return columns([...shown, { title: rows.some((row) => row.at(-1) !== '') ? 'NOTE' : '' }], rows);
}

/** Why it is not ready, where its state does not say so already. */
function noteOf(worker: WorkerReport, reason = ''): string {
  return worker.state === reason || (worker.state === 'booting' && reason === 'starting') ? '' : reason;
}

/** `45s`, `12m`, `3h 5m`, `9d 4h`: seconds in the two largest units that tell something. */
function showSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

function showBytes(bytes: number): string {
  return bytes === 0 ? '-' : `${Math.round(bytes / 1024 ** 2)} MB`;
}
