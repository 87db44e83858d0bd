// deploy/kubernetes: built by kustomize, held against the API's schemas, and against what no schema knows, which is whether
// one object's names are another one's. Its container runs as its pod would run it, under Docker.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { parse } from 'yaml';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { image } from './compose.ts';
import { missing } from './container.ts';
import { build, type Manifest, manifests, noKustomize, validator } from './fixtures/kubernetes.ts';

const FOLDER = join(ROOT, 'deploy/kubernetes');
/** The oldest version that these files are for, and the newest that there are schemas of. */
const VERSIONS = ['1.29.0', '1.33.0', '1.37.0'];

const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1]);
const mebibytes = (text: string): number => Number.parseInt(text, 10) * (text.endsWith('Gi') ? 1024 : 1);

/** Checks one file by the schemas; what they say against it is the result. */
async function complaints(command: string, file: string, version: string): Promise<string[]> {
  const { stdout, stderr } = await run(command, ['--strict', '--kubernetes-version', version, file], ROOT);
  // Kinds that clusters learn from somebody else: their schemas are not among these.
  const unknown = /Couldn't find schema for kind (PodMonitor|HTTPRoute) /;
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !unknown.test(line));
  return lines.filter((line) => !/^INFO .* passed /.test(line));
}

/** The overlay with a component that it leaves out, in a copy. */
async function overlayWith(t: Test, component: string): Promise<string> {
  const copy = t.testdir();
  await cp(FOLDER, copy, { recursive: true });
  const file = join(copy, 'overlays/production/kustomization.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(`# - ../../components/${component}`, `- ../../components/${component}`));
  return join(copy, 'overlays/production');
}

test('the files for Kubernetes', { skip: noKustomize }, async (t) => {
  const text = await build(await overlayWith(t, 'monitoring'));
  const all = manifests(text);
  const the = (kind: string): Manifest => {
    const found = all.filter((manifest) => manifest.kind === kind);
    if (found.length !== 1) throw new Error(`${found.length} of the kind ${kind}`);
    return found[0];
  };
  const deployment = the('Deployment');
  const settings = the('ConfigMap').data as Record<string, string>;
  const template = deployment.spec.template;
  const pod = template.spec;
  const [app] = pod.containers;
  const portNames = app.ports.map(({ name }: Manifest) => name);

  t.test('are what the schemas of the API allow, without an unknown field', async (t) => {
    const command = await validator();
    if (command === null) return void t.pass('skipped: there is no kubernetes-validate, and pip brings none');
    const file = join(t.testdir(), 'all.yaml');
    await writeFile(file, text);
    await Promise.all(
      VERSIONS.map(async (version) => t.strictSame(await complaints(command, file, version), [], version)),
    );
    // It would see one.
    await writeFile(file, text.replace('terminationGracePeriodSeconds', 'terminationGraceSeconds'));
    t.match((await complaints(command, file, VERSIONS[2] as string)).join(), 'terminationGraceSeconds');
  });

  t.test('select the pods that there are, by ports that they have', async (t) => {
    const labels = template.metadata.labels;
    const selectors = {
      deployment: deployment.spec.selector.matchLabels,
      service: the('Service').spec.selector,
      budget: the('PodDisruptionBudget').spec.selector.matchLabels,
      policy: the('NetworkPolicy').spec.podSelector.matchLabels,
      monitor: the('PodMonitor').spec.selector.matchLabels,
      ...pod.topologySpreadConstraints.map(({ labelSelector }: Manifest) => labelSelector.matchLabels),
    };
    for (const [name, selector] of Object.entries(selectors)) t.match(labels, selector, name);
    for (const probe of [app.startupProbe, app.readinessProbe, app.livenessProbe])
      t.equal(probe.httpGet.port, 'monitor', 'probes ask the monitor');
    t.equal(app.livenessProbe.httpGet.path, '/livez');
    const used = [
      ...the('Service').spec.ports.map(({ targetPort }: Manifest) => targetPort),
      ...the('NetworkPolicy').spec.ingress.flatMap(({ ports }: Manifest) => ports.map(({ port }: Manifest) => port)),
      ...the('PodMonitor').spec.podMetricsEndpoints.map(({ port }: Manifest) => port),
    ];
    for (const port of used) t.ok(portNames.includes(port), `a port ${port}`);
    const { scaleTargetRef } = the('HorizontalPodAutoscaler').spec;
    t.strictSame(scaleTargetRef, { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata.name });
    const [{ host, http }] = the('Ingress').spec.rules;
    t.strictSame(http.paths[0].backend.service, { name: the('Service').metadata.name, port: { name: 'http' } });
    t.equal(new URL(settings.PUBLIC_URL as string).host, host);
  });

  t.test('want nothing that a cluster must be taught first', async (t) => {
    const plain = manifests(await build(join(FOLDER, 'overlays/production')));
    const groups = new Set(plain.map(({ apiVersion }) => apiVersion.replace(/\/.*/, '')));
    t.strictSame(groups, new Set(['v1', 'apps', 'policy', 'autoscaling', 'networking.k8s.io']));
  });

  t.test('have a Gateway in place of the Ingress where one wants it', async (t) => {
    const others = manifests(await build(await overlayWith(t, 'gateway')));
    t.notOk(others.some(({ kind }) => kind === 'Ingress'));
    const route = others.find(({ kind }) => kind === 'HTTPRoute');
    const { name, namespace } = the('Service').metadata;
    t.equal(route.metadata.namespace, namespace);
    t.strictSame(route.spec.hostnames, [new URL(settings.PUBLIC_URL as string).host]);
    for (const rule of route.spec.rules)
      t.strictSame(rule.backendRefs, [{ name, port: the('Service').spec.ports[0].port }]);
  });

  t.test('give a pod the time that its drain takes, and its start', async (t) => {
    const drain =
      seconds(settings.TSGI_DRAIN_DELAY as string) + 0.5 + seconds(settings.TSGI_GRACEFUL_TIMEOUT as string);
    t.ok(pod.terminationGracePeriodSeconds >= drain + 5, `${pod.terminationGracePeriodSeconds} s for ${drain} s`);
    const { periodSeconds, failureThreshold } = app.startupProbe;
    t.ok(periodSeconds * failureThreshold > 60 + 30, 'longer than DATABASE_WAIT');
    t.ok(deployment.spec.progressDeadlineSeconds > periodSeconds * failureThreshold);
    t.match(deployment.spec.strategy.rollingUpdate, { maxUnavailable: 0 });
  });

  t.test('ask for no more than memory and MariaDB have', async (t) => {
    const workers = Number(settings.TSGI_WORKERS);
    const limit = mebibytes(app.resources.limits.memory);
    // A worker over its limit and the one that takes its place are there together; the arbiter has 50 MB.
    t.ok((workers + 1) * Number.parseInt(settings.TSGI_MAX_MEMORY as string, 10) + 50 <= limit);
    const { minReplicas, maxReplicas } = the('HorizontalPodAutoscaler').spec;
    const surge = deployment.spec.strategy.rollingUpdate.maxSurge;
    t.ok((maxReplicas + surge) * workers * Number(settings.DATABASE_POOL) <= 151 - 10, "MariaDB's max_connections");
    t.ok(the('PodDisruptionBudget').spec.maxUnavailable < minReplicas);
  });

  t.test('name settings, secrets and volumes that exist', async (t) => {
    const readme = await readFile(join(ROOT, 'packages/app-movie-quotes/README.md'), 'utf8');
    const guide = await readFile(join(ROOT, 'docs/kubernetes.md'), 'utf8');
    const known = new Set(Array.from(readme.matchAll(/^\| `([A-Z_]+)` \|/gm), ([, name]) => name));
    const own = Object.keys(settings).filter((name) => !name.startsWith('TSGI_'));
    for (const name of own) t.ok(known.has(name.replace(/_FILE$/, '')) || known.has(name), name);
    const [secrets] = pod.volumes.filter((volume: Manifest) => volume.secret !== undefined);
    const mount = app.volumeMounts.find(({ name }: Manifest) => name === secrets.name);
    const files = secrets.secret.items.map(({ path }: Manifest) => join(mount.mountPath, path));
    const wanted = Object.entries(settings).filter(([name]) => /(PASSWORD|SECRET|TOKEN)_FILE$/.test(name));
    t.strictSame(wanted.map(([, path]) => path).sort(), files.sort());
    const made = /for name in (.*); do/.exec(guide)?.[1]?.split(' ');
    t.strictSame(
      made,
      secrets.secret.items.map(({ key }: Manifest) => key),
      'docs/kubernetes.md makes them',
    );
    for (const container of [app, ...pod.initContainers]) {
      t.equal(container.envFrom[0].configMapRef.name, the('ConfigMap').metadata.name);
      t.equal(container.image, app.image, 'the same release migrates and serves');
      t.match(container.image, /:[\w.-]+$/, 'one that has a version');
      for (const { name } of container.volumeMounts) t.ok(pod.volumes.some((volume: Manifest) => volume.name === name));
    }
    t.equal(pod.enableServiceLinks, false, 'no variables TSGI_* of a Service named tsgi');
  });

  t.test(
    'run: as their user, on a file system that takes no write',
    {
      skip: missing('node:26-bookworm-slim'),
    },
    async (t) => {
      const site = await runPod(t, await image(), pod, settings);
      const answer = await fetch(`${site.url}/api/v1/quotes/random`);
      t.equal(answer.status, 200);
      t.match(await answer.json(), { film: String, content: String });
      t.equal((await fetch(`${site.url}/quotes/1/card.png`)).status, 200, 'a card is drawn and kept');
      for (const path of ['/livez', '/readyz']) t.equal((await fetch(`${site.monitor}${path}`)).status, 200, path);

      // What the autoscaler goes by: the adapter's rule makes it of a metric that is there.
      const metrics = await (await fetch(`${site.monitor}/metrics`)).text();
      const { rules } = parse(await readFile(join(FOLDER, 'components/monitoring/adapter-values.yaml'), 'utf8'));
      const { seriesQuery, name } = rules.custom[0];
      const series = /^\w+/.exec(seriesQuery)?.[0] as string;
      t.ok(new RegExp(`^${series}\\{`, 'm').test(metrics), series);
      const pods = the('HorizontalPodAutoscaler').spec.metrics.filter(({ type }: Manifest) => type === 'Pods');
      t.strictSame(
        pods.map(({ pods }: Manifest) => pods.metric.name),
        [name.as],
      );

      const stopped = await site.stop();
      t.equal(stopped, '0', 'the exit status');
    },
  );
});

interface Pod {
  readonly url: string;
  readonly monitor: string;
  /** Ends it as Kubernetes would, and gives its exit status. */
  stop(): Promise<string>;
}

/** The pod's containers, one after the other, with all that Docker has a word for. Only its databases are a file. */
async function runPod(t: Test, image: string, pod: Manifest, settings: Record<string, string>): Promise<Pod> {
  const name = `tsgi-e2e-${process.pid}-${randomBytes(4).toString('hex')}`;
  const remover = spawn('sh', ['-c', 'cat; exec docker rm --force --volumes "$0" "$0-init"', name], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const removed = once(remover, 'exit');
  t.teardown(async () => {
    remover.stdin.end();
    await removed;
  });
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const folder = t.testdir();
  const mounted: Record<string, string> = { tmp: join(folder, 'tmp'), secrets: join(folder, 'secrets') };
  for (const path of Object.values(mounted)) {
    await mkdir(path);
    await chown(path, 0, fsGroup);
    await chmod(path, 0o2770);
  }
  const { secret } = pod.volumes.find((volume: Manifest) => volume.name === 'secrets');
  for (const { path } of secret.items) {
    const file = join(mounted.secrets as string, path);
    await writeFile(file, randomBytes(32).toString('base64'));
    await chown(file, 0, fsGroup);
    await chmod(file, secret.defaultMode);
  }
  const environment = { ...settings, DATABASE_URL: 'sqlite:/tmp/quotes.sqlite', MONGODB_URL: '' };
  const options = (container: Manifest): string[] => {
    t.strictSame(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    return [
      ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--pids-limit=512'],
      ...[`--user=${runAsUser}:${runAsGroup}`, `--group-add=${fsGroup}`],
      `--memory=${mebibytes(container.resources.limits.memory)}m`,
      ...Object.entries(environment).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
      ...container.volumeMounts.flatMap(({ name, mountPath, readOnly }: Manifest) => [
        '--volume',
        `${mounted[name]}:${mountPath}${readOnly ? ':ro' : ''}`,
      ]),
    ];
  };
  const docker = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run('docker', args, ROOT);
    if (status !== 0) throw new Error(`docker ${args[0]}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const [init] = pod.initContainers;
  const [app] = pod.containers;
  await docker('run', '--name', `${name}-init`, ...options(init), image, ...init.command);
  const ports = app.ports.flatMap(({ containerPort }: Manifest) => ['--publish', `127.0.0.1:0:${containerPort}`]);
  await docker('run', '--detach', '--name', name, ...ports, ...options(app), image);
  const [url, monitor] = await Promise.all(
    app.ports.map(
      async ({ containerPort }: Manifest) => `http://${await docker('port', name, `${containerPort}/tcp`)}`,
    ),
  );
  const { httpGet, periodSeconds, failureThreshold } = app.startupProbe;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${monitor}${httpGet.path}`).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) break;
    if (tries * 0.2 > periodSeconds * failureThreshold) throw new Error(await docker('logs', name));
    await delay(200);
  }
  return {
    url: url as string,
    monitor: monitor as string,
    async stop() {
      await docker('stop', '--time', `${pod.terminationGracePeriodSeconds}`, name);
      return docker('inspect', '--format', '{{.State.ExitCode}}', name);
    },
  };
}
