// Which group is measured when, within a time that is not exceeded.

import type { Group } from './groups.ts';
import type { Round } from './measure.ts';
import { type GroupResult, summarize } from './results.ts';

export interface Plan {
  /** Milliseconds that the whole run may take. */
  readonly limit: number;
  /** Rounds of a group that make a run of it. */
  readonly rounds: number;
  /** How often a group that was too noisy may be run again. */
  readonly repeats: number;
}

export interface Runner {
  /** Measures one round. */
  round(group: Group): Promise<Round>;
  /** What loads the group. */
  generator(group: Group): string;
  say(text: string): void;
}

/** One group on its way: the rounds of the run that is reported, and how many runs there were. */
interface Entry {
  readonly group: Group;
  rounds: Round[];
  attempts: number;
  failed: boolean;
}

/**
 * Measures all groups, one round of each in turn, so that what the machine does meanwhile falls on all of them. Then
 * those whose server differed from itself are run again, the worst first. Results come in the order of the groups;
 * one that could not be measured, or for which no time was left, is missing.
 */
export async function measureAll(groups: readonly Group[], plan: Plan, runner: Runner): Promise<GroupResult[]> {
  const started = performance.now();
  let longest = 0;
  const fits = (rounds: number): boolean => performance.now() - started + rounds * longest <= plan.limit;
  const measure = async (entry: Entry, label: string): Promise<Round | null> => {
    const begun = performance.now();
    runner.say(`${label} ${entry.group.payload}: ${entry.group.name}`);
    try {
      return await runner.round(entry.group);
    } catch (error) {
      runner.say(`  cannot be measured: ${error instanceof Error ? error.message : error}`);
      entry.failed = true;
      return null;
    } finally {
      longest = Math.max(longest, performance.now() - begun);
    }
  };

  const entries = groups.map((group): Entry => ({ group, rounds: [], attempts: 1, failed: false }));
  const order = [...new Set(groups.map(({ name }) => name))];
  const inTurn = entries.toSorted((a, b) => order.indexOf(a.group.name) - order.indexOf(b.group.name));
  for (let pass = 1; pass <= plan.rounds; pass++) {
    for (const entry of inTurn) {
      if (entry.failed || !fits(1)) continue;
      const round = await measure(entry, `round ${pass}/${plan.rounds}`);
      if (round !== null) entry.rounds.push(round);
    }
  }

  const result = ({ group, rounds, attempts }: Entry): GroupResult =>
    summarize(group, runner.generator(group), rounds, attempts);
  const missing = entries.filter(({ rounds, failed }) => rounds.length === 0 && !failed);
  for (const { group } of missing) runner.say(`no time was left for ${group.payload}: ${group.name}`);
  const measured = entries.filter(({ rounds }) => rounds.length > 0);

  for (;;) {
    const noisy = measured.filter((entry) => !entry.failed && entry.attempts <= plan.repeats && result(entry).noisy);
    const [worst] = noisy.toSorted((a, b) => result(b).off - result(a).off);
    if (worst === undefined || !fits(plan.rounds)) break;
    worst.attempts++;
    const rounds: Round[] = [];
    while (rounds.length < plan.rounds && !worst.failed) {
      const round = await measure(worst, `again, ${rounds.length + 1}/${plan.rounds},`);
      if (round !== null) rounds.push(round);
    }
    if (!worst.failed) worst.rounds = rounds;
  }
  return measured.map(result);
}
