// `pnpm bench --nginx`: what a Unix socket between Nginx and the application saves over TCP on the loopback.

import { writeFileSync } from 'node:fs';
import { chooseCores, moveToLoadCore } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import { findWrk } from './generators/wrk.ts';
import { measureNginx, type NginxRound } from './nginx/measure.ts';
import { findNginx } from './nginx/nginx-process.ts';
import { PAGES, ROWS } from './nginx/rows.ts';
import { isNoisy, type NginxSection, printNginx } from './nginx/table.ts';

export interface NginxBenchOptions {
  readonly quick: boolean;
  /** Where the raw figures go. */
  readonly json?: string;
}

/** Rounds of fresh processes; a group that is too noisy gets further ones. Milliseconds, but for rounds and slices. */
const FULL = { rounds: 4, repeats: 2, slices: 12, sliceTime: 250, connections: 32 };
const QUICK = { ...FULL, rounds: 1, repeats: 0 };

export async function compareNginx({ quick, json }: NginxBenchOptions): Promise<void> {
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const version = findNginx();
  if (version === null) {
    say('nginx is not installed: apt-get install nginx-light');
    process.exitCode = 1;
    return;
  }
  process.setMaxListeners(40);
  const plan = quick ? QUICK : FULL;
  const started = performance.now();
  const cores = chooseCores();
  moveToLoadCore(cores);
  const generator = findWrk() ?? autocannon;
  say(`Nginx ${version}, Node ${process.version}, ${cores.text}; load: ${generator.text}`);
  const sections: NginxSection[] = [];
  for (const [payload, title, warmUp] of PAGES) {
    const rounds: NginxRound[][] = [];
    const section = { title, rounds };
    const wanted = (): number => (isNoisy(section) ? plan.rounds + plan.repeats : plan.rounds);
    while (rounds.length < wanted()) {
      say(`${payload}, round ${rounds.length + 1}`);
      rounds.push(await measureNginx(ROWS, payload, { ...plan, generator, cores, warmUp }));
    }
    sections.push(section);
  }
  process.stdout.write(`${printNginx(sections)}\n`);
  say(`${((performance.now() - started) / 1000).toFixed(0)} s`);
  if (json !== undefined) {
    const raw = { nginx: version, node: process.version, cores: cores.text, plan, sections };
    writeFileSync(json, `${JSON.stringify(raw, null, 1)}\n`);
  }
}
