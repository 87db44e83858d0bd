// Metrics against the count of those who got the answers: equal after exits and reloads, short by the last moment of each
// worker that was killed, and never less than before. Where Prometheus is installed, it reads them too.

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { type Served, serve, type Target } from './fixtures/served.ts';

const CLIENTS = 20;
const EXITS = 5;
const RELOADS = 3;
const KILLS = 5;
/** Milliseconds of a killed worker's last answers that may be missing. */
const LAST = 250;

type Sample = readonly [series: string, value: number];

const MONITORED = ['-b', '127.0.0.1:0', '--monitor-bind', '127.0.0.1:0', '--workers', '2', '--reload-watch', '500ms'];

/** Clients, each with one connection and one request at a time, half of them with bodies of 16 KB. */
function startClients(target: Target & { kind: 'tcp' }): Clients {
  const times = new Map<number, number[]>();
  const body = 'x'.repeat(16_384);
  let answers = 0;
  let stopping = false;
  const client = async (method: string): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopping) {
      try {
        const request = http.request({ host: '127.0.0.1', port: target.port, path: '/', method, agent });
        request.end(method === 'POST' ? body : undefined);
        const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
        let text = '';
        for await (const chunk of reply) text += chunk;
        answers++;
        const { pid } = JSON.parse(text) as { pid: number };
        const seen = times.get(pid) ?? [];
        times.set(pid, seen);
        seen.push(performance.now());
      } catch {
        // It was in flight in a worker that died.
      }
      // The server must have processor time for itself: what is looked at are counts, not speed.
      await delay(5);
    }
    agent.destroy();
  };
  const over = Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i % 2 === 0 ? 'GET' : 'POST')));
  return {
    get answers() {
      return answers;
    },
    since: (pid, moment) => (times.get(pid) ?? []).filter((time) => time >= moment).length,
    async more(count) {
      const wanted = answers + count;
      while (answers < wanted) await delay(10);
    },
    async stop() {
      stopping = true;
      await over;
    },
  };
}

interface Clients {
  readonly answers: number;
  /** Answers of one process since a moment of `performance.now()`. */
  since(pid: number, moment: number): number;
  more(answers: number): Promise<void>;
  stop(): Promise<void>;
}

/** Scrapes from now on, and keeps what has ever fallen. */
function watch(url: string): { stop(): Promise<{ scrapes: number; fallen: string[] }> } {
  let stopping = false;
  const watching = (async () => {
    const fallen: string[] = [];
    let before = new Map<string, number>();
    let scrapes = 0;
    while (!stopping) {
      const now = new Map(await scrape(url));
      for (const [series, value] of before) {
        if (!/^tsgi_\w+_(total|bucket|sum|count)\b/.test(series)) continue;
        const later = now.get(series) ?? -1;
        if (later < value) fallen.push(`${series} ${value} -> ${later}`);
      }
      before = now;
      scrapes++;
      await delay(100);
    }
    return { scrapes, fallen };
  })();
  return {
    stop() {
      stopping = true;
      return watching;
    },
  };
}

async function scrape(url: string): Promise<Sample[]> {
  const text = await (await fetch(url)).text();
  return Array.from(text.matchAll(/^(tsgi_\S+) (\S+)$/gm), ([, series, value]) => [series as string, Number(value)]);
}

function total(samples: readonly Sample[], name: string): number {
  return samples.filter(([series]) => series.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
}

/** What is counted when nothing is in flight and every worker has beaten once more. */
async function settled(url: string): Promise<number> {
  const beats = (samples: Sample[]): number => total(samples, 'tsgi_event_loop_stall_seconds_count');
  const first = beats(await scrape(url));
  for (;;) {
    const samples = await scrape(url);
    const done = beats(samples) >= first + 6 && total(samples, 'tsgi_requests_in_flight') === 0;
    if (done) return total(samples, 'tsgi_requests_total');
    await delay(50);
  }
}

async function metricsOf(served: Served): Promise<string> {
  const { binds } = await served.until(({ msg }) => msg.startsWith('monitor on '));
  return `http://${(binds as string[])[0]}/metrics`;
}

t.test(`after ${EXITS} exits, recycling and ${RELOADS} reloads, the metrics are the clients' own count`, async (t) => {
  const served = serve(t, [...MONITORED, '--max-requests', '1500', '--max-requests-jitter', '500']);
  const target = (await served.target()) as Target & { kind: 'tcp' };
  const metrics = await metricsOf(served);
  const clients = startClients(target);
  const watching = watch(metrics);
  const faults = ['exit', 'throw', 'rejection', 'exit', 'throw'];
  let beside = 0;
  for (let i = 0; i < EXITS; i++) {
    await clients.more(300);
    const from = served.lines.length;
    // An error that nobody catches may come behind the answer.
    const fault = await fetch(`http://127.0.0.1:${target.port}/fault/${faults[i]}`).catch(() => null);
    if (fault !== null) beside++;
    await served.until(({ msg }) => /^worker \d (exited|was)/.test(msg), from);
    if (i < RELOADS) {
      await clients.more(300);
      t.equal((await served.reload()).msg, 'reloaded');
    }
  }
  await served.until(({ msg }) => msg.includes('recycled'));
  await clients.stop();
  const counted = await settled(metrics);
  const { scrapes, fallen } = await watching.stop();
  const answers = clients.answers + beside;
  t.comment(`${answers} answers, ${counted} counted, ${scrapes} scrapes`);
  t.equal(counted, answers);
  t.strictSame(fallen, []);
});

t.test(`after ${KILLS} times kill -9, at most the last ${LAST} ms of each are missing`, async (t) => {
  const served = serve(t, MONITORED);
  const target = (await served.target()) as Target & { kind: 'tcp' };
  const metrics = await metricsOf(served);
  const clients = startClients(target);
  const watching = watch(metrics);
  let unsure = 0;
  for (let i = 0; i < KILLS; i++) {
    await clients.more(500);
    const accepting = served.alive().filter((pid) => clients.since(pid, 0) > 0);
    const pid = accepting[i % accepting.length] as number;
    const from = served.lines.length;
    const moment = performance.now();
    process.kill(pid, 'SIGKILL');
    await served.until(({ msg }) => msg.endsWith('was killed by SIGKILL'), from);
    // Answers that were on their way then, or that this process had not read yet, are there now.
    await clients.more(CLIENTS);
    unsure += clients.since(pid, moment - LAST);
  }
  await clients.stop();
  const missing = clients.answers - (await settled(metrics));
  const { scrapes, fallen } = await watching.stop();
  t.comment(`${clients.answers} answers, ${missing} not counted, ${unsure} in the last ${LAST} ms; ${scrapes} scrapes`);
  t.ok(missing >= 0);
  t.ok(missing <= unsure);
  t.strictSame(fallen, []);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;

t.test('Prometheus has nothing to say against the metrics', { skip: !promtool && 'no promtool here' }, async (t) => {
  const served = serve(t, MONITORED);
  await served.target();
  const text = await (await fetch(await metricsOf(served))).text();
  t.equal(String(execFileSync('promtool', ['check', 'metrics'], { input: text })), '');
});
