// The rows and the pages of the second table.

import type { PeerName } from './peers.ts';

export interface PeerRow {
  readonly name: string;
  readonly peer: PeerName;
  readonly role: 'baseline' | 'self' | 'compared';
}

export const ROWS: readonly PeerRow[] = [
  { name: 'node:cluster, Fastify', peer: 'node:cluster', role: 'baseline' },
  { name: 'node:cluster, Fastify again', peer: 'node:cluster', role: 'self' },
  { name: 'tsgi, Fastify', peer: 'tsgi', role: 'compared' },
  { name: 'PM2, Fastify', peer: 'PM2', role: 'compared' },
  { name: 'Watt, Fastify', peer: 'Watt', role: 'compared' },
  { name: 'gunicorn, Flask', peer: 'gunicorn', role: 'compared' },
  { name: 'uvicorn, Starlette', peer: 'uvicorn', role: 'compared' },
];

/** What is asked of every server. */
export interface Page {
  readonly title: string;
  readonly path: string;
  readonly connections: number;
  /** Requests that each worker on Node has answered before it is measured, and the milliseconds after which it need not. */
  readonly warmUp: number;
  readonly warmUpLimit: number;
  /** Slices side by side, and the milliseconds of each. A slice holds a hundred requests, or its ratio is coarse. */
  readonly slices: number;
  readonly sliceTime: number;
}

export const PAGES = {
  hello: {
    title: 'hello: GET, a reply of 17 bytes of JSON',
    path: '/hello',
    connections: 32,
    warmUp: 20_000,
    warmUpLimit: 4000,
    slices: 5,
    sliceTime: 400,
  },
  cpu: {
    title: 'cpu: GET, a key of 15,000 rounds of PBKDF2, some milliseconds in OpenSSL',
    path: '/cpu',
    connections: 16,
    warmUp: 0,
    warmUpLimit: 0,
    slices: 3,
    sliceTime: 800,
  },
} as const satisfies Record<string, Page>;

export type PageName = keyof typeof PAGES;
export const PAGE_NAMES: readonly PageName[] = ['hello', 'cpu'];
