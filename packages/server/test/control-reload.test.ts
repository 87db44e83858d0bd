// tsgi reload and tsgi scale: what they wait for, print and end with.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { APP, controlPath, placeFor } from './fixtures/place.ts';
import { addressOf } from './fixtures/served.ts';

test('reload waits, tells each worker, and ends with status 0', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2', '--reload-watch', '100ms');
  const url = await addressOf(served);
  place.write('app.mjs', APP.replace('served', 'served anew'));
  const { status, stdout, stderr } = await place.tsgi('reload');
  t.equal(status, 0, stderr);
  t.equal(await (await fetch(url)).text(), 'served anew', 'the new code serves when the command has ended');
  const lines = stdout.trimEnd().split('\n');
  t.equal(lines[0], `reloading tsgi, process ${served.child.pid}; generation 1 serves`);
  t.match(lines.at(-1), /^generation 2 serves, 2 workers/);
  for (const worker of [1, 2]) {
    const told = (step: string): number => lines.findIndex((line) => line.startsWith(`worker ${worker} of ${step}`));
    const order = ['generation 2 starts', 'generation 2 has started', 'generation 2 accepts', 'generation 1 drains'];
    const found = order.map(told);
    t.ok(
      found.every((at) => at > 0),
      stdout,
    );
    t.strictSame(
      found,
      found.toSorted((a, b) => a - b),
    );
  }
  t.match((await place.tsgi('status')).stdout, /\nlast reload \d+s ago: generation 2 took over\n/);
});

test("a reload that fails ends with status 1, the reason and the worker's own error", async (t) => {
  const place = placeFor(t);
  const served = place.serve('--workers', '2', '--reload-watch', '100ms');
  const url = await addressOf(served);
  place.write('app.mjs', `export const app = { handle() {}, start() { throw new Error('no database') } };`);
  const failed = await place.tsgi('reload');
  t.equal(failed.status, 1);
  t.match(failed.stderr, /^tsgi: the reload failed, generation 1 serves on: worker \d failed to start: no database\n/);
  t.match(failed.stderr, /Error: no database\n +at .*app\.mjs:1:\d+/);
  t.equal(failed.stderr.match(/Error: no database/g)?.length, 1, 'once, not once a worker');
  t.match(failed.stdout, /\nworker \d of generation 2 has failed: worker \d failed to start: no database\n/);
  t.equal(await (await fetch(url)).text(), 'served');
  t.match(
    (await place.tsgi('status')).stdout,
    /\nLAST RELOAD FAILED \d+s ago: worker \d failed to start: no database\n/,
  );

  place.write('tsgi.config.mjs', 'export default { worker: 2 }');
  const wrong = await place.tsgi('reload', '--control-socket', await controlPath(served));
  t.equal(wrong.status, 1);
  t.match(wrong.stderr, /generation 1 serves on: the key worker in .* is no setting; did you mean workers\?\n$/);

  rmSync(join(place.folder, 'tsgi.config.mjs'));
  place.write('app.mjs', APP);
  t.equal((await place.tsgi('reload')).status, 0);
});

test('a reload during a reload waits for its turn', async (t) => {
  const place = placeFor(t);
  const served = place.serve('--reload-watch', '500ms');
  await addressOf(served);
  const first = place.tsgi('reload');
  await served.until(({ msg, generation }) => msg === 'worker 1 starts' && generation === 2);
  const second = await place.tsgi('reload');
  t.equal((await first).status, 0);
  t.equal(second.status, 0, second.stderr);
  t.match(second.stdout, /generation 3 serves, 1 worker/);
});

test('scale starts the missing workers and waits for them, and drains what is too much', async (t) => {
  const place = placeFor(t);
  const served = place.serve();
  await addressOf(served);
  const more = await place.tsgi('scale', '3');
  t.equal(more.status, 0, more.stderr);
  t.match(more.stdout, /worker 3 of generation 1 accepts\n/);
  t.match(more.stdout, /\n3 of 3 workers serve\n$/);
  t.match((await place.tsgi('status')).stdout, /3 of 3 workers accept/);
  const fewer = await place.tsgi('scale', '1');
  t.match(fewer.stdout, /worker 2 of generation 1 drains \(scaled down\)\n/);
  t.match(fewer.stdout, /\n1 of 1 worker serves/);
  await served.until(({ msg }) => msg === 'worker 3 has left: scaled down');
  for (const wrong of ['0', '1025', 'many', '1.5']) {
    const refused = await place.tsgi('scale', wrong);
    t.equal(refused.status, 2);
    t.match(refused.stderr, /it takes a whole number from 1 to 1024\n$/);
  }

  place.write('app.mjs', 'throw new Error("broken meanwhile")');
  const broken = await place.tsgi('scale', '2');
  t.equal(broken.status, 1);
  t.match(broken.stderr, /^tsgi: 1 of 2 workers accept; the missing ones are tried again\n.*broken meanwhile/);
});
