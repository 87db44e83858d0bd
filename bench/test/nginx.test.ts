// The comparison behind Nginx from end to end. Short, so its figures mean nothing.

import t from 'tap';
import { chooseCores } from '../src/cores.ts';
import { autocannon } from '../src/generators/autocannon.ts';
import { measureNginx, type NginxRound } from '../src/nginx/measure.ts';
import { findNginx } from '../src/nginx/nginx-process.ts';
import { ROWS } from '../src/nginx/rows.ts';
import { isNoisy, printNginx, ratioOf } from '../src/nginx/table.ts';

t.test(
  'servers are measured with an Nginx each in front',
  {
    timeout: 120_000,
    skip: (findNginx() === null || process.platform !== 'linux') && 'skipped: there is no Nginx',
  },
  async (t) => {
    const options = { generator: autocannon, cores: chooseCores(), connections: 4 };
    const round = await measureNginx(ROWS, 'hello', { ...options, slices: 4, sliceTime: 150, warmUp: 300 });
    t.equal(round.length, 3);
    for (const { nginx, application, both, errors, perSecond } of round) {
      t.equal(errors, 0);
      t.ok(perSecond > 0);
      for (const part of [nginx, application, both]) {
        t.equal(part.length, 4);
        t.ok(part.some(({ cpu, requests }) => cpu > 0 && requests > 0));
      }
    }
    const table = printNginx([{ title: 'hello: a page', rounds: [round] }]);
    for (const { name } of ROWS) t.match(table, name);
  },
);

/** A round in which the second row takes `self` and the third one `compared` times the CPU time of the first. */
const roundOf = (self: number, compared: number): NginxRound[] =>
  [1, self, compared].map((factor) => {
    const slices = (cpu: number) => [{ cpu: cpu * factor, requests: 100 }];
    return { nginx: slices(1000), application: slices(2000), both: slices(3000), perSecond: 1, errors: 0 };
  });

t.test(
  'the table says whether the socket costs as little as it should, and when nobody should believe it',
  async (t) => {
    const good = { title: 'hello: a page', rounds: [roundOf(1, 0.8)] };
    t.equal(ratioOf(good, 2, 'both').value, 0.8);
    t.notOk(isNoisy(good));
    t.match(printNginx([good]), /at most 0\.9 of both holds/);
    const bad = { title: 'hello: a page', rounds: [roundOf(1.1, 0.95)] };
    t.match(printNginx([bad]), /TOO NOISY(.|\n)*does not hold: it is 0\.950/);
  },
);
