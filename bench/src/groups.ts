// What is compared with what. A group's servers run at the same time; its first row with the role `baseline` is what the
// others are measured against, and its `self` row is a second process of the baseline: it shows how far noise goes.

import { PAYLOAD_NAMES, type PayloadName } from './payloads.ts';
import type { ServerKind } from './servers.ts';

export interface Row {
  readonly name: string;
  readonly server: ServerKind;
  readonly role: 'baseline' | 'self' | 'compared';
}

export interface Group {
  readonly payload: PayloadName;
  readonly name: string;
  readonly rows: readonly Row[];
  /** wrk speaks TCP only, so a pair of TCP and Unix socket is loaded by one that speaks both. */
  readonly generator: 'tcp' | 'unix';
}

function group(payload: PayloadName, name: string, generator: Group['generator'], rows: readonly Row[]): Group {
  return { payload, name, generator, rows };
}

function against(baseline: string, server: ServerKind, compared: Readonly<Record<string, ServerKind>>): Row[] {
  return [
    { name: baseline, server, role: 'baseline' },
    { name: `${baseline} again`, server, role: 'self' },
    ...Object.entries(compared).map(([name, server]) => ({ name, server, role: 'compared' }) as const),
  ];
}

function groupsOf(payload: PayloadName): Group[] {
  const own = payload !== 'quotes';
  const fastify = against('fastify.listen', 'fastify', {
    ...(own && { 'node:http, no framework': 'node:http' }),
    'Fastify, adapter-node': 'fastify adapter-node',
  });
  const sockets = against('Fastify, adapter-node (TCP)', 'fastify adapter-node', {
    'Fastify, adapter-unix-socket': 'fastify adapter-unix-socket',
  });
  const express = against('Express on node:http', 'express', { 'Express, adapter-node': 'express adapter-node' });
  const hono = against('Hono on @hono/node-server', 'hono', { 'Hono, adapter-node': 'hono adapter-node' });
  return [
    group(payload, 'Fastify', 'tcp', fastify),
    group(payload, 'Unix socket', 'unix', sockets),
    // Movie Quotes is a Fastify application.
    ...(own ? [group(payload, 'Express', 'tcp', express), group(payload, 'Hono', 'tcp', hono)] : []),
  ];
}

/** Every group, by payload. */
export const GROUPS: readonly Group[] = PAYLOAD_NAMES.flatMap(groupsOf);

/** What Movie Quotes is measured against in the third table: the same bytes out of memory, with its queries and without. */
export const QUOTES_GROUPS: readonly Group[] = (['quotes-page', 'quotes', 'quotes-list'] as const).map((payload) =>
  group(
    payload,
    'one process',
    'tcp',
    against('Fastify: same bytes, same queries', 'quotes bytes and queries', {
      'Fastify: same bytes, no query': 'quotes bytes',
      'Movie Quotes, adapter-node': 'fastify adapter-node',
    }),
  ),
);

/** The groups that `words` name: a payload, a group, or both. All of them for no words; a word that names nothing is an error. */
export function chooseGroups(words: readonly string[]): readonly Group[] {
  let chosen = GROUPS;
  const wanted = words.map((word) => word.toLowerCase());
  const known = new Set(GROUPS.flatMap(({ payload, name }) => [payload, name.toLowerCase()]));
  const unknown = wanted.find((word) => !known.has(word));
  if (unknown !== undefined) throw new Error(`there is no "${unknown}" to compare; there are ${[...known].join(', ')}`);
  const payloads = wanted.filter((word) => (PAYLOAD_NAMES as readonly string[]).includes(word));
  const names = wanted.filter((word) => !payloads.includes(word));
  if (payloads.length > 0) chosen = chosen.filter(({ payload }) => payloads.includes(payload));
  if (names.length > 0) chosen = chosen.filter(({ name }) => names.includes(name.toLowerCase()));
  return chosen;
}
