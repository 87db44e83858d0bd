// One log file for several containers, each with several workers: what rotation, kill -9 and a full disk do to it.

import { mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { run } from '../command.ts';
import { ROOT } from '../markdown.ts';
import { Container, missing, TSGI } from './container.ts';

const IMAGE = 'node:26-bookworm-slim';
const skip = missing(IMAGE);
const FIXTURES = '/srv/tsgi/test/e2e/fixtures';
const SERVE = `exec ${TSGI} serve ${FIXTURES}/pid.mjs:app --bind 127.0.0.1:8000 --workers 2 --reload-watch 100ms`;

/** A server in a container, its arbiter being the first process there, once it serves. */
async function serve(t: Test, options: readonly string[], settings: string, before = 'true'): Promise<Container> {
  const container = await Container.start(t, IMAGE, options, ['sh', '-c', `${before} && ${SERVE} ${settings}`]);
  await container.until(
    `node -e 'fetch("http://127.0.0.1:8000/first").then(() => console.log("up"), () => {})'`,
    (said) => said === 'up',
  );
  return container;
}

/** A folder of the host for the containers' logs. */
async function logFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tsgi-logs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** Sends numbered requests from inside; resolves to the answered targets, each with the process that answered it. */
async function load(
  container: Container,
  name: string,
  requests: number,
  folder = '/tmp',
): Promise<Map<string, string>> {
  const file = `${folder}/answers-${name}`;
  await container.sh(`node ${FIXTURES}/numbered-load.mjs 8000 ${name} ${requests} ${file}`);
  const lines = (await container.sh(`cat ${file}`)).split('\n');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** What a log holds: the targets with their process, how many stand twice, and what is no whole line, but for empty ones. */
function readLines(text: string): { found: Map<string, string>; twice: number; broken: string[] } {
  const found = new Map<string, string>();
  const broken: string[] = [];
  let twice = 0;
  if (!text.endsWith('\n')) broken.push('the end of the file');
  for (const line of text.split('\n').slice(0, -1)) {
    // The quotes of the user agent are written in another way.
    const [, pid, target] =
      /^(\d+) 127\.0\.0\.1 - - \[\d\d\/\w{3}\/[\d:]+ \+0000\] "GET (\/\S+) HTTP\/1\.1" 200 8 "-" "[^"]*"$/.exec(line) ??
      [];
    if (line === '') continue;
    if (pid === undefined || target === undefined) broken.push(line);
    else if (target === '/first') continue;
    else if (found.has(target)) twice++;
    else found.set(target, pid);
  }
  return { found, twice, broken };
}

// combined, with the process.
const FORMAT =
  '{pid} {client} - - [{time}] "{method} {target} HTTP/{version}" {status} {bytes} "{request.referer}" "{request.user-agent}"';
const logTo = (path: string) => `--access-logfile ${path} --access-log-format '${FORMAT}'`;

async function stop({ name }: Container): Promise<number> {
  await run('docker', ['stop', '--time', '40', name], ROOT);
  return Number((await run('docker', ['inspect', '--format', '{{.State.ExitCode}}', name], ROOT)).stdout);
}

t.test(
  'four containers of two workers write 400,000 whole lines to one file over two rotations',
  { skip },
  async (t) => {
    const folder = await logFolder(t);
    const log = join(folder, 'app_logs.log');
    const names = ['a', 'b', 'c', 'd'];
    const options = ['--volume', `${folder}:/logs`];
    const containers = await Promise.all(names.map(() => serve(t, options, logTo('/logs/app_logs.log'))));
    const begun = performance.now();
    const loads = Promise.all(containers.map((container, i) => load(container, names[i] as string, 100_000)));
    for (const rotation of [1, 2]) {
      while ((await stat(log)).size < 12_000_000) await delay(50);
      await rename(log, `${log}.${rotation}`);
      for (const { name } of containers) await run('docker', ['kill', '--signal', 'USR1', name], ROOT);
      // Until a worker has opened the next one, there is none.
      while (!(await readdir(folder)).includes('app_logs.log')) await delay(20);
    }
    const answers = await loads;
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    for (const container of containers) t.equal(await stop(container), 0);

    const files = (await readdir(folder)).sort();
    t.strictSame(files, ['app_logs.log', 'app_logs.log.1', 'app_logs.log.2']);
    let text = '';
    for (const file of files) {
      const part = await readFile(join(folder, file), 'latin1');
      t.ok(part.endsWith('\n'), `${file} ends with a whole line`);
      text += part;
    }
    const { found, twice, broken } = readLines(text);
    t.strictSame(broken, []);
    t.equal(twice, 0);
    t.equal(found.size, 400_000);
    let wrong = 0;
    for (const answered of answers) {
      t.equal(answered.size, 100_000);
      for (const [target, pid] of answered) if (found.get(target) !== pid) wrong++;
    }
    t.equal(wrong, 0, 'each answer has its line, by the process that answered');
    t.comment(`${found.size} lines in ${seconds} s`);
  },
);

t.test('kill -9 of workers leaves no half line, and takes no line of another worker', { skip }, async (t) => {
  const folder = await logFolder(t);
  const container = await serve(t, ['--volume', `${folder}:/logs`], logTo('/logs/app_logs.log'));
  const killed = new Set<string>();
  const loads = load(container, 'a', 100_000);
  let over = false;
  loads.finally(() => {
    over = true;
  });
  for (let size = 0; !over && killed.size < 5; ) {
    const now = (await stat(join(folder, 'app_logs.log'))).size;
    if (now < size + 1_000_000) continue;
    size = now;
    const pid = await container.sh('cut -d " " -f 1 /proc/1/task/1/children');
    if (pid === '' || killed.has(pid)) continue;
    await container.try(`kill -KILL ${pid}`);
    killed.add(pid);
  }
  const answers = await loads;
  t.equal(await stop(container), 0);
  const { found, twice, broken } = readLines(await readFile(join(folder, 'app_logs.log'), 'latin1'));
  t.strictSame(broken, []);
  t.equal(twice, 0);
  const lost = [...answers].filter(([target]) => !found.has(target));
  t.ok(killed.size > 0);
  t.strictSame(
    lost.filter(([, pid]) => !killed.has(pid)),
    [],
  );
  t.comment(`${killed.size} workers killed, ${answers.size} answers, ${lost.length} of them without a line`);
});

t.test('a full disk costs lines of the access log and nothing else', { skip }, async (t) => {
  // The last megabyte of sixteen is free; both workers keep four in memory.
  const container = await serve(
    t,
    ['--tmpfs', '/logs:size=16m'],
    logTo('/logs/app_logs.log'),
    'dd if=/dev/zero of=/logs/ballast bs=1M count=15 2>/dev/null',
  );
  const answers = await load(container, 'a', 120_000);
  t.equal(answers.size, 120_000, 'every request is answered');
  await container.sh('rm /logs/ballast');
  const lines = async () => {
    const { stdout } = await run('docker', ['logs', container.name], ROOT);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; dropped?: number });
  };
  let again: { dropped?: number }[] = [];
  while (again.length < 2) again = (await lines()).filter(({ msg }) => msg.includes('is written again'));
  await load(container, 'b', 1000);
  await container.until('grep --count "GET /b-" /logs/app_logs.log', (count) => count === '1000');
  const text = await container.sh('cat /logs/app_logs.log');
  const warnings = (await lines()).filter(({ msg }) => msg.includes('cannot be written'));
  t.equal(warnings.length, 2, 'one warning a worker');

  const { found, twice, broken } = readLines(`${text}\n`);
  const dropped = again.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
  t.ok(dropped > 0);
  t.equal(found.size + dropped, 121_000, 'what is not there is counted');
  t.equal(twice, 0);
  t.ok(broken.length <= 2, 'a worker cuts a line once at most, and then writes it again');
  t.comment(`${found.size} lines, ${dropped} dropped, ${broken.length} cut`);
});

t.test('a full disk and a rotation do not end the log of the server itself', { skip }, async (t) => {
  const container = await serve(
    t,
    ['--tmpfs', '/logs:size=1m'],
    '--log-file /logs/server.log',
    'dd if=/dev/zero of=/logs/ballast bs=4k count=255 2>/dev/null',
  );
  const generations = (wanted: number) =>
    container.until(
      `node -e 'fetch("http://127.0.0.1:8000").then((reply) => reply.text()).then(console.log)'`,
      (pid) => {
        seen.add(pid);
        return seen.size >= wanted;
      },
    );
  const seen = new Set<string>();
  // Some lines each, until the page that is left is full.
  const logged = async () => Number(await container.sh('stat --format %s /logs/server.log'));
  while ((await logged()) < 4096) {
    const before = seen.size;
    await run('docker', ['kill', '--signal', 'HUP', container.name], ROOT);
    await generations(before + 1);
  }
  await container.sh('rm /logs/ballast && mv /logs/server.log /logs/server.log.1');
  await run('docker', ['kill', '--signal', 'USR1', container.name], ROOT);
  await container.until('ls /logs', (files) => files.split('\n').includes('server.log'));
  await run('docker', ['kill', '--signal', 'HUP', container.name], ROOT);
  // In the old file where a line came between the room and the rotation.
  const both = 'cat /logs/server.log.1 /logs/server.log';
  await container.until(both, (text) => /"\d+ lines of this log could not be written"/.test(text));
  await container.until('cat /logs/server.log', (text) => text.includes('"reloaded"'));
});
