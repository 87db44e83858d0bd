// wrk: light enough to keep several servers busy from one core. It speaks TCP only.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LoadRequest } from '../payloads.ts';
import type { Generator, Load, LoadOptions, LoadReport } from './generator.ts';

/** wrk, or null where it is not on the PATH. */
export function findWrk(): Generator | null {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  if (error) return null;
  const version = /^wrk (\S+)/.exec(stdout)?.[1] ?? '(version unknown)';
  return { text: `wrk ${version}, from the PATH`, start };
}

function start({ target, requests, connections, prefix }: LoadOptions): Load {
  if (target.kind !== 'tcp') throw new Error('wrk speaks TCP only');
  // It runs until it is stopped; the duration is for the case that nobody is left to stop it.
  const words = [...prefix, 'wrk', '--threads=1', `--connections=${connections}`, '--duration=2m', '--latency'];
  // A file, because it is read twice.
  const folder = mkdtempSync(join(tmpdir(), 'tsgi-bench-wrk-'));
  const path = join(folder, 'load.lua');
  writeFileSync(path, script(requests));
  words.push('--timeout=10s', `--script=${path}`, `http://127.0.0.1:${target.port}${requests[0]?.path}`);
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = Promise.all([text(child.stdout), once(child, 'close')]);
  // It would go on without us, at full speed.
  const kill = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', kill);
  output
    .finally(() => {
      process.removeListener('exit', kill);
      rmSync(folder, { recursive: true, force: true });
    })
    .catch(() => {});
  return {
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async stop() {
      // wrk prints its report when it is interrupted.
      child.kill('SIGINT');
      return parseWrk((await output)[0]);
    },
  };
}

/** The requests in Lua. A single one is built once by wrk itself, which costs the load's core least. */
export function script(requests: readonly LoadRequest[]): string {
  const [only] = requests;
  if (only !== undefined && requests.length === 1) {
    if (only.body === undefined) return `wrk.method = ${quote(only.method)}\n`;
    return [
      `wrk.method = ${quote(only.method)}`,
      `wrk.headers["Content-Type"] = "application/json"`,
      `wrk.body = ${quote(only.body)}\n`,
    ].join('\n');
  }
  const built = requests.map(({ method, path, body }) => {
    const headers = body === undefined ? '{}' : '{ ["Content-Type"] = "application/json" }';
    return `wrk.format(${quote(method)}, ${quote(path)}, ${headers}, ${body === undefined ? 'nil' : quote(body)})`;
  });
  return `local built, turn = {}, 0
function init()
  built = { ${built.join(',\n    ')} }
end
function request()
  turn = turn % #built + 1
  return built[turn]
end
`;
}

/** A Lua string of the same bytes. */
function quote(value: string): string {
  return `"${value.replace(/[\\"\n\r]/g, (c) => `\\${c.charCodeAt(0)}`)}"`;
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads what wrk prints at its end. */
export function parseWrk(output: string): LoadReport {
  const requests = /^\s*(\d+) requests in /m.exec(output)?.[1];
  if (requests === undefined) throw new Error(`wrk gave no report: ${output.trim() || '(nothing printed)'}`);
  const perSecond = /^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1];
  const [, value, unit] = /^\s*99%\s+([\d.]+)(us|ms|s|m|h)\s*$/m.exec(output) ?? [];
  const socket = /^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/m.exec(output) ?? [];
  const statuses = /^\s*Non-2xx or 3xx responses: (\d+)/m.exec(output)?.[1] ?? 0;
  return {
    requests: Number(requests),
    perSecond: Number(perSecond),
    p99: requests === '0' || unit === undefined ? Number.NaN : Number(value) * (MILLISECONDS[unit] as number),
    errors: Number(statuses) + socket.slice(1).reduce((sum, count) => sum + Number(count), 0),
  };
}
