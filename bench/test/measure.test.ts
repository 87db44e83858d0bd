// A comparison from end to end: real servers, a real load, a table. Short, so its figures mean nothing.

import t from 'tap';
import { chooseCores } from '../src/cores.ts';
import { autocannon } from '../src/generators/autocannon.ts';
import { findWrk } from '../src/generators/wrk.ts';
import type { Group } from '../src/groups.ts';
import { measureRound } from '../src/measure.ts';
import { summarize } from '../src/results.ts';
import { measureAll } from '../src/schedule.ts';
import { printTable } from '../src/table.ts';

const GROUP: Group = {
  payload: 'hello',
  name: 'Two of a kind',
  generator: 'tcp',
  rows: [
    { name: 'node:http', server: 'node:http', role: 'baseline' },
    { name: 'node:http again', server: 'node:http', role: 'self' },
    { name: 'plain application', server: 'plain adapter-node', role: 'compared' },
  ],
};
const SHORT = { cores: chooseCores(), connections: 4, slices: 5, sliceTime: 100, warmUp: 100 };

for (const generator of [findWrk(), autocannon]) {
  if (generator === null) continue;
  t.test(`servers are measured side by side under ${generator.text}`, async (t) => {
    const round = await measureRound(GROUP, { ...SHORT, generator });
    t.equal(round.length, 3);
    for (const server of round) {
      t.equal(server.slices.length, 5);
      t.ok(server.slices.some(({ cpu, requests }) => cpu > 0 && requests > 0));
      t.equal(server.errors, 0);
    }
    const table = printTable([summarize(GROUP, generator.text, [round], 1)]);
    for (const { name } of GROUP.rows) t.match(table, name);
  });
}

t.test('a Unix socket is measured', async (t) => {
  const row = { name: 'socket', server: 'fastify adapter-unix-socket', role: 'baseline' } as const;
  const [server] = await measureRound({ ...GROUP, rows: [row] }, { ...SHORT, generator: autocannon });
  t.ok(server?.slices.some(({ requests }) => requests > 0));
  t.equal(server?.errors, 0);
});

/** A round in which the second process takes `self` times the CPU time of the first. */
const roundOf = (self: number) =>
  [1, self, 1].map((factor) => ({
    slices: [{ cpu: 1000 * factor, requests: 100 }],
    perSecond: 1,
    p99: 1,
    memory: 1,
    errors: 0,
  }));

t.test(
  'a group whose server differs from itself is measured on; one that cannot be measured is left out',
  async (t) => {
    // Two rounds a pass for this payload: the median of the first two is too far from 1, that of all four is not.
    const selves = [1.5, 1.01, 0.99, 1];
    const said: string[] = [];
    const broken: Group = { ...GROUP, name: 'Broken' };
    const plan = { limit: 60_000, passes: 1, repeats: 4 };
    const results = await measureAll([broken, GROUP], plan, {
      round: async (group) => {
        if (group === broken) throw new Error('it does not start');
        return roundOf(selves.shift() as number);
      },
      generator: () => 'none',
      say: (text) => said.push(text),
    });
    t.equal(results.length, 1);
    t.match(results[0], { repeats: 1, noisy: false });
    t.match(printTable(results), /repeated once/);
    t.match(said.join('\n'), /cannot be measured: it does not start/);
  },
);

t.test('a group that stays noisy is marked after the last repeat', async (t) => {
  const plan = { limit: 60_000, passes: 1, repeats: 2 };
  const results = await measureAll([GROUP], plan, {
    round: async () => roundOf(1.1),
    generator: () => 'none',
    say: () => {},
  });
  t.match(results[0], { repeats: 2, noisy: true });
  t.match(printTable(results), /TOO NOISY/);
});

t.test('no round is begun that would not end in time', async (t) => {
  const plan = { limit: -1, passes: 2, repeats: 2 };
  const results = await measureAll([GROUP], plan, {
    round: async () => t.fail('a round was begun') as never,
    generator: () => 'none',
    say: () => {},
  });
  t.same(results, []);
});
