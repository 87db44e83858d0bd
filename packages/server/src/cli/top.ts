// tsgi top: the workers of a server, drawn anew each second.

import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerReport } from '../arbiter/status.ts';
import type { ControlClient } from '../control/client.ts';
import type { ControlStatus } from '../control/protocol.ts';
import type { AddCommand, Flags } from './command.ts';
import { findsServer, withServer } from './server-command.ts';
import * as column from './worker-table.ts';

/** Milliseconds between two frames. */
const PAUSE = 1000;

interface TopFlags extends Flags {
  readonly once?: boolean;
}

export const addTop: AddCommand = (program, end) => {
  const command = program
    .command('top')
    .description('Watch the workers of a server: requests a second, load, memory. q or Ctrl-C ends it.')
    .option('--once', 'Shows one second and ends, as it does where the output is no terminal.');
  findsServer(command).action(async ({ once: single, ...flags }: TopFlags) => {
    end(await withServer(flags, single === true || !process.stdout.isTTY ? showOnce : watch));
  });
};

async function showOnce(client: ControlClient): Promise<number> {
  const rates = new Rates();
  rates.take(await client.request('status', {}));
  await delay(PAUSE);
  process.stdout.write(`${frame(await client.request('status', {}), rates).join('\n')}\n`);
  return 0;
}

// ECMA-48 and xterm: a screen of our own, so that what stood on the terminal is there again afterwards.
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

const QUIT = ['q', 'Q', '\x03'];

async function watch(client: ControlClient): Promise<number> {
  const { stdin, stdout } = process;
  let over = false;
  let wake = (): void => {};
  const quit = (): void => {
    over = true;
    client.close();
    wake();
  };
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, PAUSE);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  // In raw mode Ctrl-C is a key like any other.
  stdin.on('data', (keys) => [...keys.toString()].some((key) => QUIT.includes(key)) && quit()).on('end', quit);
  if (stdin.isTTY) stdin.setRawMode(true);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, quit);
  // A terminal of another size is drawn at once.
  stdout.on('resize', () => wake());
  stdout.write(ENTER);
  try {
    const rates = new Rates();
    while (!over) {
      draw(frame(await client.request('status', {}), rates));
      await pause();
    }
  } catch (error) {
    if (!over) throw error;
  } finally {
    stdout.write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.destroy();
  }
  return 0;
}

/** As much as the terminal holds. */
function draw(lines: readonly string[]): void {
  // A pseudo-terminal without a size says 0.
  const { rows: height, columns: width } = process.stdout;
  const rows = height || 24;
  const left = lines.length - rows;
  const shown = left > 0 ? [...lines.slice(0, rows - 1), `${left + 1} more`] : lines;
  const text = shown.map((line) => `${line.slice(0, width || 80)}${REST_OF_LINE}`).join('\r\n');
  process.stdout.write(`${HOME}${text}${REST_OF_SCREEN}`);
}

function frame(status: ControlStatus, rates: Rates): string[] {
  rates.take(status);
  const rate: column.WorkerColumn = { title: 'REQ/S', right: true, cell: (worker) => showRate(rates.of(worker)) };
  const shown = [
    column.WORKER,
    column.PID,
    column.GENERATION,
    column.STATE,
    rate,
    column.IN_FLIGHT,
    column.CONNECTIONS,
    column.LOOP,
    column.MEMORY,
    column.AGE,
    column.RESTARTS,
  ];
  const total = status.workers.reduce((sum, worker) => sum + (rates.of(worker) ?? 0), 0);
  const inFlight = status.workers.reduce((sum, { counters }) => sum + counters.inFlight, 0);
  return [
    ...column.headOf(status),
    `${showRate(total)} requests/s, ${inFlight} in flight`,
    '',
    ...column.workerTable(status, shown),
  ];
}

function showRate(rate: number | null): string {
  return rate === null ? '-' : rate < 10 && rate > 0 ? rate.toFixed(1) : String(Math.round(rate));
}

/** Requests a second of each worker, between the last two looks at it. */
class Rates {
  #seen = new Map<number, number>();
  #rates = new Map<number, number>();
  #at = performance.now();

  take({ workers }: ControlStatus): void {
    const now = performance.now();
    const seconds = (now - this.#at) / 1000;
    const before = this.#seen;
    this.#at = now;
    this.#seen = new Map(workers.map(({ pid, counters }) => [pid, counters.requests]));
    this.#rates = new Map();
    for (const [pid, requests] of this.#seen) {
      const last = before.get(pid);
      if (last !== undefined) this.#rates.set(pid, (requests - last) / seconds);
    }
  }

  /** Null for one that was not there at the last look. */
  of({ pid }: WorkerReport): number | null {
    return this.#rates.get(pid) ?? null;
  }
}
