// deploy/observability: Prometheus takes the files, the alerts come when they should, every metric that a rule or a panel
// asks for is one that a server has, and a real Prometheus sees a real worker die.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { parse } from 'yaml';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { serve } from './fixtures/served.ts';

const FOLDER = join(ROOT, 'deploy/observability');
const missing =
  ['promtool', 'prometheus'].some((command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0) &&
  'skipped: Prometheus is not installed';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

async function rules(): Promise<Rule[]> {
  const { groups } = parse(await readFile(join(FOLDER, 'rules/tsgi.yml'), 'utf8'));
  return groups.flatMap((group: { rules: Rule[] }) => group.rules);
}

const read = (path: string) => readFile(join(FOLDER, path), 'utf8');
const dashboard = async (path: string): Promise<{ panels: Panel[]; uid: string }> => JSON.parse(await read(path));

test('promtool', { skip: missing }, async (t) => {
  const promtool = async (t: Test, ...words: string[]): Promise<void> => {
    const { status, stdout, stderr } = await run('promtool', words, ROOT);
    t.equal(status, 0, words.join(' '));
    if (status !== 0) t.comment(stdout, stderr);
  };

  t.test('takes the configurations, for containers and for a machine', async (t) => {
    await promtool(t, 'check', 'config', join(FOLDER, 'prometheus.yml'));
    await promtool(t, 'check', 'config', '--syntax-only', join(FOLDER, 'prometheus-vm.yml'));
  });

  t.test('takes the rules', async (t) => {
    await promtool(t, 'check', 'rules', join(FOLDER, 'rules/tsgi.yml'));
  });

  t.test('sees the alerts fire when they should, and not before', async (t) => {
    await promtool(t, 'test', 'rules', join(import.meta.dirname, 'fixtures/alerts.yml'));
  });
});

test('each alert says what is wrong, how bad it is, and where one reads what to do', async (t) => {
  const page = await readFile(join(ROOT, 'docs/observability.md'), 'utf8');
  const parts = new Set(Array.from(page.matchAll(/^### (\w+)$/gm), ([, name]) => (name as string).toLowerCase()));
  for (const { alert, labels, annotations } of await rules()) {
    t.match(labels.severity, /^(page|ticket)$/, alert);
    t.ok(annotations.summary && annotations.description, alert);
    const [, part] = /^docs\/observability\.md#(\w+)$/.exec(annotations.runbook ?? '') ?? [];
    t.ok(part !== undefined && parts.has(part), `${alert}: ${annotations.runbook}`);
  }
});

test('Grafana finds its data source and both dashboards', async (t) => {
  const { datasources } = parse(await read('grafana/provisioning/datasources/prometheus.yaml'));
  t.match(datasources, [{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }]);
  const { providers } = parse(await read('grafana/provisioning/dashboards/movie-quotes.yaml'));
  t.match(providers, [{ type: 'file', options: { path: '/etc/grafana/dashboards' } }]);
  const both = [
    await dashboard('grafana/dashboards/movie-quotes.json'),
    await dashboard('../../packages/server/grafana/tsgi.json'),
  ];
  t.strictSame(new Set(both.map(({ uid }) => uid)).size, 2);
});

test('a real Prometheus with a real server', { skip: missing }, async (t) => {
  const served = serve(t, [
    '-b',
    '127.0.0.1:0',
    '--monitor-bind',
    '127.0.0.1:0',
    '--workers',
    '2',
    '--name',
    'movie-quotes',
  ]);
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  const target = await served.target();
  const [monitor] = binds as [string];
  const { ask, until } = await startPrometheus(t, monitor);

  await t.test('reads it', async (t) => {
    if (target.kind === 'tcp') await (await fetch(`http://127.0.0.1:${target.port}/`)).text();
    await until('up{job="movie-quotes"} == 1');
    // Over this range there are two samples now.
    await until('count_over_time(tsgi_worker_exits_total{reason="signal"}[15m]) > 1');
    t.strictSame(await alerts(ask), []);
  });

  await t.test('has every metric that rules and panels ask for', async (t) => {
    const text = await (await fetch(`http://${monitor}/metrics`)).text();
    const there = new Set(Array.from(text.matchAll(/^(tsgi_\w+)/gm), ([, name]) => name));
    const asked = new Map((await rules()).map(({ alert, expr }) => [alert, expr]));
    const { panels } = await dashboard('grafana/dashboards/movie-quotes.json');
    for (const { title, targets = [] } of panels) asked.set(title, targets.map(({ expr }) => expr).join('\n'));
    for (const [who, expressions] of asked) {
      const names = [...expressions.matchAll(/\btsgi_\w+/g)].map(([name]) => name);
      for (const name of names) t.ok(there.has(name), `${name}, of ${who}`);
      // Prometheus itself understands them.
      for (const expression of expressions.includes('$') ? expressions.split('\n') : [expressions])
        await ask(expression.replaceAll('$job', 'movie-quotes').replaceAll('$__rate_interval', '1m'));
    }
  });

  await t.test('sees that a worker is killed', async (t) => {
    process.kill(served.alive()[0] as number, 'SIGKILL');
    await until('ALERTS{alertname="WorkerDied", alertstate="firing", reason="signal"}');
    t.strictSame(await alerts(ask), ['WorkerDied'], 'and it is no crash loop');
  });

  await t.test('sees that a worker hangs, before it is replaced', async (t) => {
    await until('tsgi_workers_ready == 2');
    const stopped = served.alive().at(-1) as number;
    process.kill(stopped, 'SIGSTOP');
    await until('ALERTS{alertname="WorkerHung", alertstate="firing"}');
    await until('tsgi_workers_ready == 1');
    process.kill(stopped, 'SIGCONT');
    await until('tsgi_workers_ready == 2');
    t.pass('and that it goes on');
  });

  await t.test('sees that the server is gone', async (t) => {
    served.signal('SIGTERM');
    await served.exited;
    await until('ALERTS{alertname="ServerDown", alertstate="pending"}');
    await until('ALERTS{alertname="NoServer", alertstate="pending"}');
    t.pass('they fire after a minute');
  });
});

/** A result of Prometheus: the labels of each series. */
type Ask = (query: string) => Promise<Record<string, string>[]>;

async function alerts(ask: Ask): Promise<string[]> {
  return (await ask('ALERTS{alertstate="firing"}')).map(({ alertname }) => alertname as string);
}

/** Prometheus by the files of the repository; only its target and its pace are others. */
async function startPrometheus(t: Test, target: string): Promise<{ ask: Ask; until(query: string): Promise<void> }> {
  // Not the test's own, in which the server runs.
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await cp(FOLDER, folder, { recursive: true });
  const config = parse(await read('prometheus.yml'));
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  const [job] = config.scrape_configs;
  delete job.dns_sd_configs;
  job.static_configs = [{ targets: [target] }];
  config.scrape_configs = [job];
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const words = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ];
  const child = spawn('prometheus', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  t.teardown(async () => {
    child.kill();
    await exited;
    process.removeListener('exit', kill);
  });
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said += `${line}\n`;
      const [, found] = /msg="Listening on" address=(\S+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    exited.then(() => reject(new Error(said)));
  });
  const ask: Ask = async (query) => {
    const response = await fetch(`http://${address}/api/v1/query?${new URLSearchParams({ query })}`);
    // It reads what it has kept, first of all.
    if (response.status === 503) return [];
    const { data, error } = (await response.json()) as {
      data: { result: { metric: Record<string, string> }[] };
      error?: string;
    };
    if (error !== undefined) throw new Error(`${query}: ${error}`);
    return data.result.map(({ metric }) => metric);
  };
  return {
    ask,
    async until(query) {
      const end = performance.now() + 60_000;
      while ((await ask(query)).length === 0) {
        if (performance.now() > end) throw new Error(`nothing yet: ${query}\n${said}`);
        await delay(200);
      }
    },
  };
}
