import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import t, { type Test } from 'tap';
import { EXIT_KINDS } from '../src/arbiter/exit-kind.ts';
import { METRICS } from '../src/monitor/metrics.ts';
import { fallen, type Load, request, type Sample, scrape, startLoad, total } from './fixtures/clients.ts';
import { addressOf, run, type Served } from './fixtures/served.ts';

const APP = join(import.meta.dirname, 'fixtures/apps/monitored.ts');
const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/metrics.md'), 'utf8');

/** A server, its address, and the one of its metrics. */
async function serve(t: Test, ...args: string[]): Promise<{ served: Served; url: string; metrics: string }> {
  const monitor = ['--monitor-bind', '127.0.0.1:0', '--reload-watch', '100ms'];
  const served = run(t, ['serve', `${APP}:app`, '-b', '127.0.0.1:0', ...monitor, ...args]);
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  return { served, url: await addressOf(served), metrics: `http://${(binds as string[])[0]}/metrics` };
}

/** Scrapes until the metrics are as `wanted`; what a worker counted comes with its next beat. */
async function until(metrics: string, wanted: (samples: Sample[]) => boolean): Promise<Sample[]> {
  for (;;) {
    const samples = await scrape(metrics);
    if (wanted(samples)) return samples;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Scrapes all the time; `stop` resolves to the counters that have ever fallen. */
function watch(metrics: string): { stop(): Promise<string[]> } {
  let stopping = false;
  const watching = (async () => {
    const fell: string[] = [];
    let before = await scrape(metrics);
    while (!stopping) {
      await new Promise((resolve) => setTimeout(resolve, 120));
      const now = await scrape(metrics);
      fell.push(...fallen(before, now));
      before = now;
    }
    return fell;
  })();
  return {
    stop() {
      stopping = true;
      return watching;
    },
  };
}

/** Resolves when `load` has got as many more answers. */
async function more(load: Load, answers: number): Promise<void> {
  const wanted = load.answers + answers;
  while (load.answers < wanted) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** What is counted once every worker has told all that it knows: nothing is in flight, and the last beats have come. */
async function settled(metrics: string): Promise<Sample[]> {
  // A beat that was on its way at the first of these is there at the second.
  const beats = (samples: Sample[]): number => total(samples, 'tsgi_event_loop_stall_seconds_count');
  const first = beats(await scrape(metrics));
  const workers = total(await scrape(metrics), 'tsgi_workers');
  return until(metrics, (now) => beats(now) >= first + 3 * workers && total(now, 'tsgi_requests_in_flight') === 0);
}

const answered = (samples: Sample[]): number => total(samples, 'tsgi_requests_total');

t.test('requests are counted by method and class of status, with their bytes and their time', async (t) => {
  const { url, metrics } = await serve(t);
  for (let i = 0; i < 3; i++) await request(url);
  await request(url, { method: 'POST' }, 'twelve bytes');
  await request(`${url}/missing`, { method: 'HEAD' });
  await request(`${url}/fail`, { method: 'DELETE' });
  await request(url, { method: 'PROPFIND' });
  const gone = new AbortController();
  const aborted = t.rejects(request(`${url}/wait`, { signal: gone.signal }));
  await until(metrics, (now) => total(now, 'tsgi_requests_in_flight') === 1);
  gone.abort();
  await aborted;
  const samples = await until(metrics, (now) => total(now, 'tsgi_requests_aborted_total') === 1);
  t.equal(total(samples, 'tsgi_requests_total', 'method="GET",status="2xx"'), 3);
  t.equal(total(samples, 'tsgi_requests_total', 'method="POST",status="2xx"'), 1);
  t.equal(total(samples, 'tsgi_requests_total', 'method="HEAD",status="4xx"'), 1);
  t.equal(total(samples, 'tsgi_requests_total', 'method="DELETE",status="5xx"'), 1);
  t.equal(total(samples, 'tsgi_requests_total', 'method="other",status="2xx"'), 1);
  t.equal(answered(samples), 7);
  t.equal(total(samples, 'tsgi_request_bytes_total'), 12);
  t.ok(total(samples, 'tsgi_response_bytes_total') > 0);
  t.equal(total(samples, 'tsgi_request_duration_seconds_count'), 7);
  t.equal(total(samples, 'tsgi_request_duration_seconds_bucket', 'le="+Inf"'), 7);
  t.ok(total(samples, 'tsgi_request_duration_seconds_sum') > 0);
  t.equal(total(samples, 'tsgi_worker_requests_total'), 8);
});

t.test('counters equal the answers, whatever workers leave for', async (t) => {
  const { served, url, metrics } = await serve(t, '--workers', '2', '--max-requests', '150');
  const load = startLoad(url, 6);
  const watching = watch(metrics);
  for (const path of ['/exit', '/throw', '/exit']) {
    await more(load, 30);
    await request(url + path).catch(() => null);
  }
  for (let reload = 0; reload < 2; reload++) {
    await more(load, 30);
    const from = served.lines.length;
    served.child.kill('SIGHUP');
    await served.until(({ msg }) => msg === 'reloaded', from);
  }
  await until(metrics, (now) => total(now, 'tsgi_worker_exits_total', 'max_requests') >= 2);
  await load.stop();
  const samples = await settled(metrics);
  t.equal(answered(samples), load.answers);
  t.strictSame(await watching.stop(), []);
  t.equal(total(samples, 'tsgi_worker_exits_total', '"exit"'), 3);
  t.equal(total(samples, 'tsgi_reloads_total', 'success'), 2);
  t.equal(total(samples, 'tsgi_generation'), 3);
});

t.test('after kill -9 no counter falls, and only what the last beat did not tell is missing', async (t) => {
  const { served, url, metrics } = await serve(t, '--workers', '2');
  const load = startLoad(url, 4);
  const watching = watch(metrics);
  let unsure = 0;
  for (let kill = 0; kill < 2; kill++) {
    await more(load, 200);
    const pid = Number((await request(url)).text);
    const from = served.lines.length;
    const moment = performance.now();
    process.kill(pid, 'SIGKILL');
    await served.until(({ msg }) => msg.endsWith('was killed by SIGKILL'), from);
    await served.until(({ msg }) => /^worker \d starts$/.test(msg), from);
    // Twice the time between two beats: on a busy machine one is late.
    unsure += load.since(pid, moment - 500) + 1;
  }
  await load.stop();
  const samples = await settled(metrics);
  // One answer for each kill told which worker to kill.
  const missing = load.answers + 2 - answered(samples);
  t.ok(missing >= 0 && missing <= unsure, `${missing} missing, ${unsure} answered just before`);
  t.strictSame(await watching.stop(), []);
  t.equal(total(samples, 'tsgi_worker_exits_total', '"signal"'), 2);
});

t.test('a reload that fails is counted as one', async (t) => {
  const folder = t.testdir({ 'app.mjs': `export { app } from ${JSON.stringify(APP)};`, 'broken.mjs': 'throw 1;' });
  const config = join(folder, 'tsgi.config.json');
  writeFileSync(config, JSON.stringify({ app: join(folder, 'app.mjs') }));
  const served = run(t, ['serve', '-c', config, '-b', '127.0.0.1:0', '--monitor-bind', '127.0.0.1:0']);
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  const metrics = `http://${(binds as string[])[0]}/metrics`;
  await addressOf(served);
  writeFileSync(config, JSON.stringify({ app: join(folder, 'broken.mjs') }));
  served.child.kill('SIGHUP');
  const samples = await until(metrics, (now) => total(now, 'tsgi_reloads_total', 'failure') === 1);
  t.equal(total(samples, 'tsgi_last_reload_successful'), 0);
  t.equal(total(samples, 'tsgi_worker_exits_total', 'failed_to_start'), 1);
  t.equal(total(samples, 'tsgi_ready'), 1);
});

t.test('a reload without the monitor bind goes on counting: a restart is needed to change it', async (t) => {
  const folder = t.testdir();
  const config = join(folder, 'tsgi.config.json');
  const settings = { app: APP, bind: '127.0.0.1:0', reloadWatch: '100ms' };
  writeFileSync(config, JSON.stringify({ ...settings, monitorBind: '127.0.0.1:0' }));
  const served = run(t, ['serve', '-c', config]);
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  const metrics = `http://${(binds as string[])[0]}/metrics`;
  const url = await addressOf(served);
  writeFileSync(config, JSON.stringify(settings));
  served.child.kill('SIGHUP');
  await served.until(({ msg }) => msg === 'a restart is needed to change monitorBind');
  await served.until(({ msg }) => msg === 'reloaded');
  await request(url);
  t.equal(answered(await until(metrics, (now) => answered(now) > 0)), 1);
});

t.test('the names and units are those of the Prometheus conventions', (t) => {
  for (const { name, type, help } of METRICS) {
    t.match(name, /^[a-z]+(_[a-z]+)*$/);
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
    if (type === 'histogram') t.match(name, /_seconds$/);
    t.match(help, /^[A-Z0-9].*\.$/);
  }
  t.end();
});

t.test('every metric is in the docs, with its type and labels, and nothing else is', (t) => {
  const rows = Array.from(PAGE.matchAll(/^\| `tsgi_(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm), (match) => match.slice(1));
  const wanted = METRICS.map(({ name, type, labels, help }) => [
    name,
    type,
    labels.map((label) => `\`${label}\``).join(', ') || '-',
    help,
  ]);
  t.strictSame(rows, wanted);
  for (const kind of EXIT_KINDS) t.match(PAGE, `| \`${kind}\` | `, `the reason ${kind} is explained`);
  t.end();
});

t.test('the dashboard and the recipes of the docs ask for metrics and labels that there are', async (t) => {
  const { url, metrics } = await serve(t);
  await request(url);
  const samples = await until(metrics, (now) => answered(now) === 1);
  const labelsOf = new Map<string, Set<string>>();
  for (const [name, labels] of samples) {
    const known = labelsOf.get(name) ?? new Set(['job', 'instance']);
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label as string);
    labelsOf.set(name, known);
  }
  const dashboard = JSON.parse(readFileSync(join(import.meta.dirname, '../grafana/tsgi.json'), 'utf8'));
  const queries = queriesOf(dashboard);
  t.ok(queries.length > 20, `${queries.length} queries`);
  const recipes = Array.from(PAGE.matchAll(/^```promql\n(.*?)\n```$/gms), ([, query]) => query as string);
  t.ok(recipes.length > 5, `${recipes.length} recipes`);
  const asked = new Set<string>();
  for (const query of [...queries, ...recipes]) {
    for (const { name, labels } of selectorsOf(t, query)) {
      asked.add(name);
      const known = labelsOf.get(name);
      t.ok(known !== undefined, `${name} in ${query}`);
      for (const label of labels) t.ok(known?.has(label), `${name}{${label}} in ${query}`);
    }
  }
  for (const { name, type } of METRICS) {
    t.ok(asked.has(`tsgi_${name}${type === 'histogram' ? '_bucket' : ''}`), `the dashboard shows tsgi_${name}`);
  }
});

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

/** Every query of a dashboard: of its panels and of its variables. */
function queriesOf(dashboard: {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}): string[] {
  const inPanels = (panels: readonly Panel[]): string[] =>
    panels.flatMap(({ targets = [], panels = [] }) => [...targets.map(({ expr }) => expr), ...inPanels(panels)]);
  const inVariables = dashboard.templating.list
    .map(({ query }) => (typeof query === 'string' ? query : query.query))
    .flatMap((query) => /^label_values\((.*), \w+\)$/.exec(query)?.[1] ?? []);
  return [...inPanels(dashboard.panels), ...inVariables];
}

/** The metrics that a query selects, each with the labels that the query names: in matchers, and to group by. */
function selectorsOf(t: Test, query: string): { name: string; labels: string[] }[] {
  // Grafana's own variables, as it would put them in.
  const text = query.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h');
  const names: string[] = [];
  const labels: string[] = [];
  parser.parse(text).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) t.fail(`${query} is no PromQL`);
      if (type.name === 'VectorSelector') {
        const name = node.getChild('Identifier');
        if (name !== null) names.push(text.slice(name.from, name.to));
      } else if (type.name === 'LabelName') labels.push(text.slice(from, to));
    },
  });
  t.ok(names.length > 0, `${query} selects something`);
  // `le` belongs to the buckets alone.
  return names.map((name) => ({ name, labels: labels.filter((label) => label !== 'le' || name.endsWith('_bucket')) }));
}
