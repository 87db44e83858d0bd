// autocannon: comes with the dependencies and speaks Unix sockets. It takes far more of the load's core than wrk does.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Generator, Load, LoadOptions, LoadReport } from './generator.ts';

/** The part of autocannon's result that is read; milliseconds. */
export interface AutocannonResult {
  readonly requests: { readonly total: number };
  /** Seconds. */
  readonly duration: number;
  readonly latency: { readonly p99: number };
  /** Time-outs among them. */
  readonly errors: number;
  readonly non2xx: number;
}

export const autocannon: Generator = {
  text: `autocannon ${createRequire(import.meta.url)('autocannon/package.json').version}, from the bench's dependencies`,
  start,
};

function start({ target, requests, connections, prefix }: LoadOptions): Load {
  const [execPath = process.execPath, ...execArgv] = [...prefix, process.execPath];
  const child = fork(`${import.meta.dirname}/autocannon-process.ts`, { execPath, execArgv, stdio: 'inherit' });
  const result = once(child, 'message');
  const gone = once(child, 'exit');
  child.send({
    url: target.kind === 'tcp' ? `http://127.0.0.1:${target.port}` : 'http://localhost',
    ...(target.kind === 'unix' && { socketPath: target.path }),
    connections,
    requests: requests.map((request) => ({
      ...request,
      ...(request.body !== undefined && { headers: { 'content-type': 'application/json' } }),
    })),
  });
  let report: Promise<LoadReport> | undefined;
  return {
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    stop() {
      report ??= stop();
      return report;
    },
  };
  async function stop(): Promise<LoadReport> {
    child.send('stop');
    const [message] = await Promise.race([
      result,
      gone.then(() => {
        throw new Error('autocannon ended without a report');
      }),
    ]);
    await gone;
    return readAutocannon(message);
  }
}

/** What autocannon tells at its end. */
export function readAutocannon({ requests, duration, latency, errors, non2xx }: AutocannonResult): LoadReport {
  const { total } = requests;
  return {
    requests: total,
    perSecond: total / duration,
    p99: total === 0 ? Number.NaN : latency.p99,
    errors: errors + non2xx,
  };
}
