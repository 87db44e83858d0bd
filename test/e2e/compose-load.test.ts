// The stack of compose.yaml under load through its Nginx, while containers come, go, are replaced and are killed. What is
// done on purpose costs no request.

import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type PhaseReport, type Questions, type RunningLoad, startLoad } from '@tsgi/bench/load';
import t, { type Test } from 'tap';
import { run, start } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { image, noCompose, Stack, until } from './compose.ts';
import { comment, type Target } from './fixtures/served.ts';

const ROLLOUT = 'deploy/compose/rollout';
/** Each has one request at a time. */
const CLIENTS = 20;
/** After a change, as long as Nginx may take to learn of it, and then some. */
const AFTER = 3000;

/** By the limits of the image that answered, how many answers came. */
const answers = new Map<string, number>();

/** A random quote, which nothing keeps, and a like, which must not be given twice. */
const questions: Questions = (turn, number) => {
  const isGet = turn % 2 === 0;
  const quote = 1 + (number % 300);
  return {
    method: isGet ? 'GET' : 'POST',
    path: isGet ? '/api/v1/quotes/random' : `/api/v1/quotes/${quote}/reactions`,
    headers: isGet ? {} : { 'content-type': 'application/json', 'idempotency-key': `load-${number}` },
    ...(!isGet && { body: Buffer.from('{"kind":"like"}') }),
    judge(headers, body) {
      const by = String(headers['ratelimit-limit']);
      answers.set(by, (answers.get(by) ?? 0) + 1);
      const reply = JSON.parse(body.toString());
      return (isGet ? typeof reply.content === 'string' : reply.quoteId === quote)
        ? null
        : 'answered with another reply';
    },
  };
};

/** Images of Movie Quotes that differ in what their answers tell, under one name after the other. */
class Images {
  readonly name = `movie-quotes:e2e-${randomBytes(6).toString('hex')}`;
  readonly #base: string;

  constructor(t: Test, base: string) {
    this.#base = base;
    t.teardown(() => run('docker', ['rmi', '--force', this.name], ROOT));
  }

  /** Gives the name to an image that allows so many requests of a client, and gives its id. */
  async make(limit: number, ...lines: string[]): Promise<string> {
    const env = `ENV LIMIT_READS=${limit} LIMIT_WRITES=${limit} MAX_EVENT_LOOP_DELAY=0 LOG_REQUESTS=false TSGI_WORKERS=1`;
    const dockerfile = [`FROM ${this.#base}`, env, ...lines].join('\n');
    const built = await run('sh', ['-c', `printf %s "$0" | docker build -q -t ${this.name} -`, dockerfile], ROOT);
    if (built.status !== 0) throw new Error(built.stderr);
    return built.stdout.trim();
  }
}

t.test('a stack under load', { skip: noCompose() }, async (t) => {
  const images = new Images(t, await image());
  await images.make(1_000_000);
  const stack = await Stack.up(t, { image: images.name });
  const target: Target = { kind: 'tcp', port: Number(new URL(await stack.url()).port) };
  const scale = (count: number) =>
    stack.compose('up', '--detach', '--wait', '--no-recreate', '--scale', `app=${count}`);
  const rollout = (...words: string[]) =>
    start('env', [`IMAGE=${images.name}`, ROLLOUT, '--project-name', stack.project, ...words], { cwd: ROOT });
  /** Runs it to its end: its status, and what it printed. */
  const rolledOut = (...words: string[]) =>
    run('env', [`IMAGE=${images.name}`, ROLLOUT, '--project-name', stack.project, ...words], ROOT);
  const running = async () => (await stack.compose('ps', '--quiet', 'app')).split('\n').filter((id) => id !== '');

  /** What the clients saw while `change` was made and a little after. */
  async function during(
    t: Test,
    load: RunningLoad,
    name: string,
    change: () => Promise<unknown>,
  ): Promise<PhaseReport> {
    load.next();
    answers.clear();
    const begun = performance.now();
    await change();
    const seconds = (performance.now() - begun) / 1000;
    await delay(AFTER);
    await load.answered(1);
    const report = load.next();
    comment(t, { [`${name} (${seconds.toFixed(1)} s)`]: report });
    // Those that Nginx gave up, and those that the client did (499).
    const lost = `cd /var/log/nginx && grep -E '"status":(499|5..)' access.log | tail -n 5; tail -n 20 error.log`;
    if (report.failed > 0) t.comment(await stack.exec('nginx', lost).catch(String));
    return report;
  }

  await t.test('few requests: one container becomes three, and one', async (t) => {
    const load = startLoad({ target, clients: 4, pause: 200, questions });
    t.teardown(() => load.stop());
    for (const count of [3, 1])
      t.strictSame((await during(t, load, `scale to ${count}`, () => scale(count))).failures, {});
  });

  const load = startLoad({ target, clients: CLIENTS, pause: 50, questions });
  t.teardown(() => load.stop());

  await t.test('many requests: one container becomes four, and two', async (t) => {
    for (const count of [4, 2]) {
      t.strictSame((await during(t, load, `scale to ${count}`, () => scale(count))).failures, {});
      t.equal((await running()).length, count);
    }
  });

  await t.test('another image', async (t) => {
    const id = await images.make(999_999);
    const before = await running();
    const report = await during(t, load, 'a rollout that is killed half-way, and another one', async () => {
      const first = rollout();
      const lines = createInterface({ input: first.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
      await lines.next();
      const second = await rolledOut();
      t.equal(second.status, 1);
      t.match(second.stderr, /another rollout of .* runs at this moment/);
      for (;;) {
        const { value, done } = await lines.next();
        if (done || /stopping/.test(value)) break;
      }
      first.kill('SIGKILL');
      // What it had begun ends by itself, and it counts as running until then.
      const third = await until(
        () => rolledOut(),
        ({ stderr }) => !/another rollout/.test(stderr),
      );
      t.equal(third.status, 0, third.stdout + third.stderr);
      t.comment(third.stdout);
    });
    t.strictSame(report.failures, {});
    const after = await running();
    t.equal(after.length, before.length, 'as many as before');
    t.notOk(
      after.some((container) => before.includes(container)),
      'and none of them',
    );
    t.comment(`answers by image: ${JSON.stringify([...answers])}`);
    answers.clear();
    await load.answered(100);
    t.strictSame([...answers.keys()], ['999999'], 'the new image alone answers');
    const { stdout } = await run('docker', ['inspect', '--format', '{{.Image}}', ...after], ROOT);
    t.strictSame(new Set(stdout.trim().split('\n')), new Set([id]));
  });

  for (const [what, why, ...lines] of [
    [
      'an image that does not start',
      /ended with status 3/,
      'CMD ["node", "-e", "console.log(\'no such film\'); process.exit(3)"]',
    ],
    [
      'an image that answers and never says that it is ready',
      /is not healthy after 8 s/,
      'CMD ["tsgi", "serve", "--monitor-bind", "127.0.0.1:9999"]',
    ],
  ] as const) {
    await t.test(`${what} is refused`, async (t) => {
      await images.make(999_998, ...lines);
      const before = await running();
      const report = await during(t, load, what, async () => {
        const refused = await rolledOut('--timeout', what.includes('not start') ? '60' : '8');
        t.equal(refused.status, 1);
        t.match(refused.stderr, why);
        t.match(refused.stderr, /serve on as before/);
        t.match(
          refused.stderr,
          /take the migrations back[\s\S]* run --rm --no-deps migrate quotes migrate down --yes\n/,
        );
        if (what.includes('not start')) t.match(refused.stderr, /no such film/, 'with the last lines of its log');
      });
      t.strictSame(report.failures, {});
      t.strictSame([...answers.keys()], ['999999'], 'no visitor saw it');
      t.strictSame(await running(), before);
    });
  }

  await t.test('Nginx is reloaded', async (t) => {
    const reload = () => stack.exec('nginx', 'nginx -s reload');
    for (let i = 0; i < 2; i++) t.strictSame((await during(t, load, 'a reload of Nginx', reload)).failures, {});
  });

  await t.test('a container is killed: at most what it had in flight is lost', async (t) => {
    const [container] = await running();
    const kill = () => run('docker', ['kill', container as string], ROOT);
    const report = await during(t, load, 'a container is killed', kill);
    t.ok(report.failed <= CLIENTS, `${report.failed} lost`);
    t.strictSame((await during(t, load, 'afterwards', async () => {})).failures, {});
  });

  comment(t, { 'the end': await load.stop() });
});
