// `pnpm bench --servers`: application servers and process managers beside each other, in a table of their own.

import { writeFileSync } from 'node:fs';
import { chooseCores, moveToLoadCore } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import { findWrk } from './generators/wrk.ts';
import {
  type Finding,
  type FindingOptions,
  idleMemory,
  installedSize,
  loggedCost,
  printFinding,
  scaling,
} from './peers/findings.ts';
import { measurePeers, type PeerRound } from './peers/measure.ts';
import { PEERS } from './peers/peers.ts';
import { summarizePeers } from './peers/results.ts';
import { PAGE_NAMES, ROWS } from './peers/rows.ts';
import { prepareSite } from './peers/site.ts';
import { printColdStarts, printPeers } from './peers/table.ts';

export interface ServersOptions {
  readonly quick: boolean;
  /** Where the raw figures go. */
  readonly json?: string;
}

/** A whole run ends within six minutes once the peers are installed; what would not fit is not begun. Milliseconds. */
const FULL = { limit: 345_000, passes: 2, turn: 1000, turns: 16, rounds: 3, idle: 2, settle: 2000 };
const QUICK = { ...FULL, passes: 1, turn: 700, turns: 4, rounds: 1, idle: 1 };

const WORKERS = [1, 2];

export async function compareServers({ quick, json }: ServersOptions): Promise<void> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  if (process.platform !== 'linux') {
    say('the second table takes Linux: it reads what processes take from /proc');
    process.exitCode = 1;
    return;
  }
  // Each load and each server looks after its own end.
  process.setMaxListeners(40);
  const plan = quick ? QUICK : FULL;
  const site = await prepareSite(say);
  const started = performance.now();
  const cores = chooseCores();
  moveToLoadCore(cores);
  const generator = findWrk() ?? autocannon;
  say(`Node ${process.version}, ${cores.text}; load: ${generator.text}`);
  say(site.versions.join(', '));

  const rows = ROWS.filter(({ peer }) => PEERS[peer].runs === 'node' || site.python !== null);
  const rounds = new Map<number, PeerRound[]>();
  const findings: Finding[] = [];
  const options: FindingOptions = { site, cores, generator };
  const pass = async (number: number, workers: number): Promise<void> => {
    say(`pass ${number} of ${plan.passes}, ${workers === 1 ? '1 worker' : `${workers} workers`}`);
    // What the optimiser does differs from process to process. The page cpu is OpenSSL's work, and once is enough.
    const pages = number === 1 ? PAGE_NAMES : PAGE_NAMES.filter((page) => page !== 'cpu');
    const round = await measurePeers(rows, { ...options, workers, pages, turn: plan.turn, say });
    rounds.set(workers, [...(rounds.get(workers) ?? []), round]);
  };
  const find = async (label: string, measure: () => Promise<Finding | Finding[]>): Promise<void> => {
    say(label);
    findings.push(...[await measure()].flat());
  };
  const tasks: (() => Promise<void>)[] = [
    () => find('memory, idle', () => idleMemory({ ...options, rounds: plan.idle, settle: plan.settle })),
    ...WORKERS.map((workers) => () => pass(1, workers)),
    () => find('2 workers and 2 processes', () => scaling({ ...options, turns: plan.turns, turn: 500 })),
    () => find('with metrics and access log', () => loggedCost({ ...options, rounds: plan.rounds })),
    ...Array.from({ length: plan.passes - 1 }, (_, i) => WORKERS.map((workers) => () => pass(i + 2, workers))).flat(),
  ];
  let longest = 0;
  for (const task of tasks) {
    const begun = performance.now();
    if (begun - started + longest > plan.limit) {
      say('no time was left for the rest');
      break;
    }
    try {
      await task();
    } catch (error) {
      say(`  cannot be measured: ${error instanceof Error ? error.message : error}`);
    }
    longest = Math.max(longest, performance.now() - begun);
  }
  site.remove();
  findings.push(installedSize(options));

  const sections = summarizePeers(rows, rounds);
  if (sections.length > 0) process.stdout.write(`${printPeers(sections)}\n`);
  else {
    say('nothing could be measured');
    process.exitCode = 1;
  }
  for (const finding of findings) process.stdout.write(`${printFinding(finding)}\n`);
  for (const [workers, measured] of rounds) process.stdout.write(`${printColdStarts(rows, workers, measured)}\n`);
  say(`${((performance.now() - started) / 1000).toFixed(0)} s, without building, packing and installing`);
  if (json !== undefined) {
    const raw = { node: process.version, versions: site.versions, cores: cores.text, plan, sections, findings };
    writeFileSync(json, `${JSON.stringify({ ...raw, rounds: [...rounds] }, null, 1)}\n`);
  }
}
