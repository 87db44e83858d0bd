// Clients that a load generator is not: a fixed rate of requests whatever the answers do, and a crowd that asks at once.

import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../statistics.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Milliseconds. */
  readonly time: number;
}

/** One GET, read to its end. Status 0 for one that failed. */
export async function ask(port: number, path: string, agent: Agent | false = false): Promise<Answer> {
  const begun = performance.now();
  try {
    const [response] = (await once(get({ host: '127.0.0.1', port, path, agent }), 'response')) as [IncomingMessage];
    for await (const _ of response);
    return { status: response.statusCode as number, headers: response.headers, time: performance.now() - begun };
  } catch {
    return { status: 0, headers: {}, time: performance.now() - begun };
  }
}

export interface Steady {
  readonly requests: number;
  readonly failed: number;
  /** Milliseconds from the moment at which a request was due. */
  readonly p50: number;
  readonly p99: number;
}

/** GETs at a fixed rate until `done`, each due at its moment: a server that is slow is not asked less often. */
export async function steadily(port: number, path: string, perSecond: number, done: Promise<unknown>): Promise<Steady> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let over = false;
  done.finally(() => {
    over = true;
  });
  const begun = performance.now();
  const sent: Promise<Answer>[] = [];
  const late: number[] = [];
  for (let i = 0; !over; i++) {
    const due = begun + (i * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
    late.push(Math.max(0, performance.now() - due));
    sent.push(ask(port, path, agent));
  }
  const answers = await Promise.all(sent);
  agent.destroy();
  const times = answers.map(({ time }, i) => time + (late[i] as number));
  return {
    requests: answers.length,
    failed: answers.filter(({ status }) => status !== 200).length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}
