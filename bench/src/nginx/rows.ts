// What stands behind Nginx: the same application by TCP over the loopback, by that again, and by a Unix socket.

import type { Row } from '../groups.ts';
import type { PayloadName } from '../payloads.ts';

export type NginxRow = Row;

export const ROWS: readonly NginxRow[] = [
  { name: 'TCP, 127.0.0.1', server: 'fastify adapter-node', role: 'baseline' },
  { name: 'TCP, 127.0.0.1 again', server: 'fastify adapter-node', role: 'self' },
  { name: 'Unix socket', server: 'fastify adapter-unix-socket', role: 'compared' },
];

/** Milliseconds of load until V8 has optimised what it will, with three servers on one core. */
export const PAGES: readonly (readonly [payload: PayloadName, title: string, warmUp: number])[] = [
  ['hello', 'hello: GET, a reply of 17 bytes', 6000],
  ['quotes', 'quotes: GET /api/v1/quotes/random of Movie Quotes', 6000],
];

/** What the Unix socket is asked to cost at most, of what TCP does. */
export const WANTED = 0.9;
