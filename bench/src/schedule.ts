// Which group is measured when, within a time that is not exceeded.

import type { Group } from './groups.ts';
import type { Round } from './measure.ts';
import { PAYLOADS } from './payloads.ts';
import { type GroupResult, summarize } from './results.ts';

export interface Plan {
  /** Milliseconds that the whole run may take. */
  readonly limit: number;
  /** How often all groups are gone through. */
  readonly passes: number;
  /** How often a group that was too noisy may be measured on. */
  readonly repeats: number;
}

export interface Runner {
  /** Measures one round. */
  round(group: Group): Promise<Round>;
  /** What loads the group. */
  generator(group: Group): string;
  say(text: string): void;
}

/** One group on its way. */
interface Entry {
  readonly group: Group;
  readonly rounds: Round[];
  repeats: number;
  failed: boolean;
}

/**
 * Measures all groups in turns, so that what the machine does meanwhile falls on all of them. Then those whose server
 * differed from itself are repeated, the worst first: further rounds, which count together with the first ones. To throw
 * those away would cost the time that evens the difference out. Results come in the order of the groups; one that could
 * not be measured, or for which no time was left, is missing.
 */
export async function measureAll(groups: readonly Group[], plan: Plan, runner: Runner): Promise<GroupResult[]> {
  const started = performance.now();
  let longest = 0;
  const fits = (): boolean => performance.now() - started + longest <= plan.limit;
  const measure = async (entry: Entry, label: string): Promise<void> => {
    const { rounds } = PAYLOADS[entry.group.payload];
    runner.say(`${label} ${entry.group.payload}: ${entry.group.name}`);
    for (let i = 0; i < rounds && fits(); i++) {
      const begun = performance.now();
      try {
        entry.rounds.push(await runner.round(entry.group));
      } catch (error) {
        runner.say(`  cannot be measured: ${error instanceof Error ? error.message : error}`);
        entry.failed = true;
        return;
      } finally {
        longest = Math.max(longest, performance.now() - begun);
      }
    }
  };
  const result = ({ group, rounds, repeats }: Entry): GroupResult =>
    summarize(group, runner.generator(group), rounds, repeats);

  const entries = groups.map((group): Entry => ({ group, rounds: [], repeats: 0, failed: false }));
  const order = [...new Set(groups.map(({ name }) => name))];
  const inTurn = entries.toSorted((a, b) => order.indexOf(a.group.name) - order.indexOf(b.group.name));
  for (let pass = 1; pass <= plan.passes; pass++) {
    for (const entry of inTurn) {
      if (!entry.failed && fits()) await measure(entry, `pass ${pass} of ${plan.passes},`);
    }
  }
  for (const { group, rounds, failed } of entries) {
    if (rounds.length === 0 && !failed) runner.say(`no time was left for ${group.payload}: ${group.name}`);
  }

  while (fits()) {
    const noisy = entries.filter(
      (entry) => entry.rounds.length > 0 && !entry.failed && entry.repeats < plan.repeats && result(entry).noisy,
    );
    const [worst] = noisy.toSorted((a, b) => result(b).off - result(a).off);
    if (worst === undefined) break;
    worst.repeats++;
    await measure(worst, 'too noisy, again');
  }
  return entries.filter(({ rounds }) => rounds.length > 0).map(result);
}
