// `pnpm bench --heap`: the leak check. For each kind of application behind adapter-node: the heap in use after forced
// collections at the 100,000th and at the 300,000th request. Exits with 1 when one has grown by more than 5 MB.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { chooseCores } from './cores.ts';
import { autocannon } from './generators/autocannon.ts';
import { findWrk } from './generators/wrk.ts';
import type { LoadRequest } from './payloads.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerKind } from './servers.ts';

const FIRST = 100_000;
const SECOND = 300_000;
const MEGABYTE = 1024 * 1024;
const LIMIT = 5 * MEGABYTE;

const KINDS: readonly ServerKind[] = [
  'plain adapter-node',
  'listener adapter-node',
  'fastify adapter-node',
  'express adapter-node',
  'koa adapter-node',
  'hono adapter-node',
];
/** Bodies come in as well as go out: what leaks is as likely to hang on the one as on the other. */
const REQUESTS: readonly LoadRequest[] = [
  { method: 'GET', path: '/hello' },
  { method: 'POST', path: '/upload', body: JSON.stringify({ items: [1, 2, 3], note: 'x'.repeat(500) }) },
];

const generator = findWrk() ?? autocannon;
const cores = chooseCores();
const folder = await mkdtemp(join(tmpdir(), 'tsgi-heap-'));
const table = new Table({
  head: ['application', 'at 100,000', 'at 300,000', 'growth'],
  colAligns: ['left', 'right', 'right', 'right'],
  style: { head: [], border: [], compact: true },
});
let leaks = 0;
process.stderr.write(`load: ${generator.text}\n`);
for (const kind of KINDS) {
  process.stderr.write(`${kind}\n`);
  const server = await ServerProcess.start(kind, {
    payload: 'hello',
    folder,
    nodeArgs: ['--expose-gc'],
    prefix: cores.servers,
  });
  try {
    const first = await heapAfter(server, FIRST);
    const second = await heapAfter(server, SECOND);
    const growth = second - first;
    if (growth > LIMIT) leaks++;
    table.push([
      kind.replace(' adapter-node', ''),
      ...[first, second, growth].map((bytes) => `${(bytes / MEGABYTE).toFixed(2)} MB`),
    ]);
  } finally {
    await server.stop();
  }
}
await rm(folder, { recursive: true, force: true });
process.stdout.write(`${table.toString()}\n`);
if (leaks > 0) process.stderr.write(`${leaks} grew by more than ${LIMIT / MEGABYTE} MB\n`);
process.exitCode = leaks > 0 ? 1 : 0;

/** Loads the server until it has answered this many in all, and then, with no connection open, measures its heap. */
async function heapAfter(server: ServerProcess, requests: number): Promise<number> {
  const load = generator.start({ target: server.target, requests: REQUESTS, connections: 32, prefix: cores.load });
  try {
    while ((await server.sample()).requests < requests && load.running) await delay(20);
  } finally {
    const { errors } = await load.stop();
    if (errors > 0) process.stderr.write(`  ${errors} of its requests failed\n`);
  }
  return server.heapUsed();
}
