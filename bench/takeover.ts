// Takes a Unix socket over 500 times under load, from process to process, and is refused it 500 times:
//
//   node --conditions=@tsgi/source bench/takeover.ts
//
// Clients with a new connection for every request and clients that keep theirs run in one process, and a process that
// does nothing else looks at the path all the time. Two processes own the path in turns; each owner that was replaced
// drains while its successors serve. One failed request, one look that finds nothing or another mode than the one asked
// for, or one answer of an owner that had been replaced before the client connected, and the exit status is 1.

import { type ChildProcess, fork } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listen } from '@tsgi/adapter-unix-socket';
import type { Application, Listening } from '@tsgi/core';

const TIMES = 500;
const FRESH_CLIENTS = 12;
const KEEP_ALIVE_CLIENTS = 12;
/** Answers between one take-over and the next, and between one refusal and the next. */
const PACE = 80;
const REFUSAL_PACE = 10;
/** Not what any usual umask makes. */
const MODE = 0o642;
const DEADLINE = 85_000;

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-takeover-'));
  const path = join(folder, 'app.sock');
  const children = new Set<ChildProcess>();
  const part = (role: string): Part => new Part(role, path, children);
  const deadline = setTimeout(() => {
    console.error(`not done within ${DEADLINE / 1000} s`);
    process.exitCode = 1;
    end();
  }, DEADLINE);
  const end = (): void => {
    clearTimeout(deadline);
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const owners = [part('owner'), part('owner')] as const;
    await owners[0].ask({ listen: 0, takeOver: false });
    const load = part('clients');
    const look = part('watcher');

    const began = performance.now();
    const drains: Promise<unknown>[] = [];
    for (let generation = 1; generation <= TIMES; generation++) {
      await load.ask({ answers: PACE });
      await (owners[generation % 2] as Part).ask({ listen: generation, takeOver: true });
      drains.push((owners[(generation + 1) % 2] as Part).ask({ drain: generation - 1 }));
    }
    await Promise.all(drains);
    const seconds = (performance.now() - began) / 1000;

    const { ino } = lstatSync(path);
    const refusals = new Map<string, number>();
    const other = owners[(TIMES + 1) % 2] as Part;
    for (let i = 0; i < TIMES; i++) {
      await load.ask({ answers: REFUSAL_PACE });
      count(refusals, String((await other.ask({ listen: TIMES + 1, takeOver: false })).result));
    }
    const same = lstatSync(path).ino === ino;

    const clients = (await load.ask({ stop: true })) as unknown as ClientFigures;
    const looks = (await look.ask({ stop: true })) as unknown as LookFigures;
    await (owners[TIMES % 2] as Part).ask({ drain: TIMES });
    const left = readdirSync(folder);
    const served = (await Promise.all(owners.map((owner) => owner.ask({ stop: true })))) as unknown as OwnerFigures[];

    const requests = served.reduce((sum, one) => sum + one.requests, 0);
    const checks: [text: string, holds: boolean][] = [
      [`take-overs            ${TIMES} in ${seconds.toFixed(1)} s, up to ${clients.most} requests in flight`, true],
      [`requests answered     ${clients.answers} (${clients.fresh} on connections of their own)`, clients.answers > 0],
      [`  served by an owner  ${requests}`, requests === clients.answers],
      [`  failed              ${figures(clients.failures)}`, figures(clients.failures) === '0'],
      [`  by a replaced owner ${clients.backwards}`, clients.backwards === 0],
      [`  slowest             ${clients.slowest.toFixed(0)} ms`, true],
      [`looks at the path     ${looks.looks}`, looks.looks > 0],
      [`  that found nothing  ${figures(looks.failures)}`, figures(looks.failures) === '0'],
      [`  modes               ${Object.keys(looks.modes).join(', ')}`, Object.keys(looks.modes).join() === octal(MODE)],
      [
        `refusals              ${[...refusals].map(([code, times]) => `${times} x ${code}`).join(', ')}`,
        refusals.get('TSGI_ERR_SOCKET_OCCUPIED') === TIMES,
      ],
      [`  the owner's file    ${same ? 'is the same' : 'was replaced'}`, same],
      [`left in the folder    ${left.join(', ') || 'nothing'}`, left.length === 0],
    ];
    for (const [text, holds] of checks) console.log(`${holds ? 'ok  ' : 'FAIL'}  ${text}`);
    if (!checks.every(([, holds]) => holds)) process.exitCode = 1;
  } finally {
    end();
  }
}

/** A process with a role, which answers one message for each that it gets. */
class Part {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  #number = 0;

  constructor(role: string, path: string, children: Set<ChildProcess>) {
    this.#child = fork(import.meta.filename, [role, path], { execArgv: ['--conditions=@tsgi/source'] });
    children.add(this.#child);
    this.#child.on('message', ({ number, ...answer }: { number: number }) => this.#waiting.get(number)?.(answer));
    this.#child.on('exit', (status) => {
      children.delete(this.#child);
      if (status === 0 || status === null) return;
      console.error(`the process "${role}" ended with status ${status}`);
      process.exit(1);
    });
  }

  ask(question: object): Promise<Record<string, unknown>> {
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#child.send({ number, ...question });
    });
  }
}

function answerWith(reply: (question: Record<string, unknown>) => object | Promise<object>): void {
  process.on('message', async ({ number, ...question }: { number: number }) => {
    const answer = await reply(question);
    process.send?.({ number, ...answer }, () => {
      if ('stop' in question) process.disconnect?.();
    });
  });
}

interface OwnerFigures {
  requests: number;
}

/** Owns the path as several generations, of which all but one drain. */
function owner(path: string): void {
  const generations = new Map<number, Listening>();
  let requests = 0;

  answerWith(async (question) => {
    if ('listen' in question) {
      const generation = question.listen as number;
      const application: Application = {
        handle: () => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: String(generation) }),
      };
      try {
        const options = { mode: MODE, takeOver: question.takeOver as boolean };
        generations.set(generation, await listen(application, { kind: 'unix', path }, options));
        return { result: 'listening' };
      } catch (error) {
        return { result: (error as { code?: string }).code ?? String(error) };
      }
    }
    if ('drain' in question) {
      const listening = generations.get(question.drain as number);
      await listening?.drain();
      requests += listening?.stats().requests ?? 0;
    }
    return { requests } satisfies OwnerFigures;
  });
}

interface ClientFigures {
  answers: number;
  fresh: number;
  backwards: number;
  most: number;
  slowest: number;
  failures: Record<string, number>;
}

/** Loads the path until told to stop. */
function clients(path: string): void {
  const failures = new Map<string, number>();
  const waiting: { at: number; resolve: (answer: object) => void }[] = [];
  let answers = 0;
  let fresh = 0;
  let backwards = 0;
  let inFlight = 0;
  let most = 0;
  let slowest = 0;
  let running = true;

  const ask = (agent: Agent | false): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: path, agent }, (incoming) => {
        let body = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          body += chunk;
        });
        incoming.on('end', () => (incoming.statusCode === 200 ? resolve(body) : reject(incoming.statusCode)));
        incoming.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end();
    });

  const client = async (agent: Agent | false): Promise<void> => {
    let last = 0;
    while (running) {
      const began = performance.now();
      most = Math.max(most, ++inFlight);
      try {
        const generation = Number(await ask(agent));
        answers++;
        if (agent === false) {
          fresh++;
          // A client that connects after it was answered by one owner never gets to an older one.
          if (generation < last) backwards++;
          last = generation;
        }
      } catch (error) {
        count(failures, String((error as { code?: string }).code ?? error));
      }
      inFlight--;
      slowest = Math.max(slowest, performance.now() - began);
      while (waiting[0] !== undefined && waiting[0].at <= answers) waiting.shift()?.resolve({});
    }
  };

  const all: Promise<void>[] = [];
  for (let i = 0; i < FRESH_CLIENTS; i++) all.push(client(false));
  const agents = Array.from({ length: KEEP_ALIVE_CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const agent of agents) all.push(client(agent));

  answerWith(async (question) => {
    if ('answers' in question) {
      const at = answers + (question.answers as number);
      return new Promise((resolve) => waiting.push({ at, resolve }));
    }
    running = false;
    await Promise.all(all);
    for (const agent of agents) agent.destroy();
    return { answers, fresh, backwards, most, slowest, failures: Object.fromEntries(failures) } satisfies ClientFigures;
  });
}

interface LookFigures {
  looks: number;
  modes: Record<string, number>;
  failures: Record<string, number>;
}

/** Looks at the path until told to stop. */
function watcher(path: string): void {
  const modes = new Map<string, number>();
  const failures = new Map<string, number>();
  let looks = 0;
  let running = true;

  const look = (): void => {
    // In bursts: a turn of the loop takes longer than a hundred looks.
    for (let i = 0; i < 100; i++) {
      looks++;
      try {
        const stats = lstatSync(path);
        count(modes, stats.isSocket() ? octal(stats.mode & 0o7777) : 'no socket');
      } catch (error) {
        count(failures, (error as { code: string }).code);
      }
    }
    if (running) setImmediate(look);
  };
  look();

  answerWith(() => {
    running = false;
    return { looks, modes: Object.fromEntries(modes), failures: Object.fromEntries(failures) } satisfies LookFigures;
  });
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function figures(counts: Record<string, number>): string {
  return (
    Object.entries(counts)
      .map(([key, times]) => `${times} x ${key}`)
      .join(', ') || '0'
  );
}

function octal(mode: number): string {
  return mode.toString(8);
}

const [role, path = ''] = process.argv.slice(2);
if (role === 'owner') owner(path);
else if (role === 'clients') clients(path);
else if (role === 'watcher') watcher(path);
else await main();
