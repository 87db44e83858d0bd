// Workers that die in the moment in which a generation comes to accept.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { addressOf, run } from './fixtures/served.ts';

/** An application that sees its worker say that it accepts: `meet` may hold that back, or end the process. */
const appThat = (meet: string) => `
  import { existsSync, writeFileSync } from 'node:fs';
  const { TSGI_WORKER: worker, TSGI_GENERATION: generation } = process.env;
  const send = process.send.bind(process);
  process.send = (message, ...more) => {
    const go = () => send(message, ...more);
    if (message.tsgi.type === 'accepting') ${meet}
    else go();
  };
  const untilThere = (name, then) => existsSync(name) ? then() : setTimeout(untilThere, 20, name, then);
  export const app = { handle: () => ({ status: 200, headers: [], body: generation }) };
`;

t.test('a worker that dies while the others of the first generation are not there yet is replaced', async (t) => {
  const app = appThat(`{
    if (worker === '2') untilThere('go', go);
    else if (existsSync('died')) go();
    else send(message, () => { writeFileSync('died', ''); process.exit(9); });
  }`);
  const folder = t.testdir({ 'app.mjs': app });
  const served = run(t, ['serve', './app.mjs', '-b', '127.0.0.1:0', '-w', '2'], {}, folder);
  await served.until(({ msg }) => msg.startsWith('worker 1 exited with status 9'));
  const from = served.lines.length;
  writeFileSync(join(folder, 'go'), '');
  await served.until(({ msg }) => msg === 'worker 1 starts', from);
  t.equal((await fetch(await addressOf(served))).status, 200);
});

t.test('an old worker that is replaced while the new generation comes to accept does not stay', async (t) => {
  const app = appThat(`{
    if (generation === '1') go();
    else { writeFileSync('held', ''); untilThere('go', go); }
  }`);
  const folder = t.testdir({ 'app.mjs': app });
  const args = ['serve', './app.mjs', '-b', '127.0.0.1:0', '--reload-watch', '100ms'];
  const served = run(t, args, {}, folder);
  await addressOf(served);
  const first = await served.until(({ msg }) => msg === 'worker 1 starts');
  served.child.kill('SIGHUP');
  while (!existsSync(join(folder, 'held'))) await delay(20);
  const from = served.lines.length;
  process.kill(Number(first.pid), 'SIGKILL');
  const second = await served.until(({ msg, generation }) => msg === 'worker 1 starts' && generation === 1, from);
  writeFileSync(join(folder, 'go'), '');
  await served.until(({ msg }) => msg === 'reloaded');
  await served.until(({ msg, pid }) => msg === 'worker 1 has left: reloaded' && pid === second.pid);
  t.equal(await (await fetch(await addressOf(served))).text(), '2');
});
