// The same application served twice: by the framework's own listen, and through its bridge and adapter-node. Each request
// goes to both, and what comes back must be the same to the byte.

import { listen } from '@tsgi/adapter-node';
import type { Application as Gateway } from '@tsgi/core';
import type { Test } from 'tap';
import { DIFFERENCES, type DifferenceName, EVERYWHERE } from './differences.ts';
import { exchange, type Reply, type Sent } from './exchange.ts';

/** A framework's own server. */
export interface Native {
  readonly port: number;
  close(): unknown;
}

/** Two servers of one application. */
export interface Pair {
  readonly native: number;
  readonly ours: number;
  /** Sends the request to both and holds the replies against each other. Resolves to ours. */
  same(t: Test, sent: Sent | string, options?: SameOptions): Promise<Reply>;
}

export interface SameOptions {
  /** Further text that differs from reply to reply: ids, tokens. Every match counts as equal. */
  readonly varies?: RegExp;
  /** Cookies of the replies before, sent along to each side as it set them. */
  readonly cookies?: Map<string, string>;
  /** Differences that show here, and must. One that is named and does not show fails the test. */
  readonly differs?: readonly DifferenceName[];
  /** What our adapter writes to its log as errors. Default: nothing. */
  readonly errors?: readonly string[];
}

// Dates, time-outs of connections and times of a rate limit differ by nature.
const ASIDE = new Set(['date', 'keep-alive', 'x-ratelimit-reset', 'ratelimit-reset', 'retry-after']);

export interface PairOptions {
  /** Whose forwarding fields our adapter believes. Default: nobody's, as frameworks have it. */
  readonly trust?: readonly string[];
  /** Differences that show in many replies of this application. */
  readonly everywhere?: readonly DifferenceName[];
}

/** Serves both until the test ends. `native` listens by itself on a free port of 127.0.0.1. */
export async function pair(
  t: Test,
  native: () => Promise<Native>,
  ours: () => Gateway | Promise<Gateway>,
  { trust = [], everywhere = [] }: PairOptions = {},
): Promise<Pair> {
  const own = await native();
  t.teardown(() => own.close());
  const logged: string[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (_fields: object, message: string) => logged.push(message) };
  const server = await listen(await ours(), '127.0.0.1:0', { log, trust });
  t.teardown(() => server.close());
  const ports = { native: own.port, ours: (server.address as { port: number }).port };
  return {
    ...ports,
    async same(t, sent, options = {}) {
      const { cookies, differs = [], errors = [], varies } = options;
      let [one, two] = await Promise.all([
        exchange(ports.native, withCookies(sent, cookies?.get('native'))),
        exchange(ports.ours, withCookies(sent, cookies?.get('ours'))),
      ]);
      const reply = two;
      if (cookies !== undefined) {
        keepCookies(one, cookies, 'native');
        keepCookies(two, cookies, 'ours');
      }
      const title =
        typeof sent === 'string' ? JSON.stringify(sent).slice(0, 60) : `${sent.method ?? 'GET'} ${sent.path}`;
      for (const { name, apply } of DIFFERENCES) {
        const expected = differs.includes(name);
        if (!expected && !EVERYWHERE.has(name) && !everywhere.includes(name)) continue;
        const settled = apply(one, two);
        if (settled !== null) [one, two] = settled;
        else if (expected) t.fail(`${title}: the difference does not show: ${name}`);
      }
      t.strictSame({ ...show(two, varies), logged: logged.splice(0) }, { ...show(one, varies), logged: errors }, title);
      return reply;
    },
  };
}

// When a cookie ends is counted from now; that it has ended is compared.
const COOKIE_DATE = /(;\s*expires=)(?!Thu, 01 Jan 1970)[^;]+/gi;

/** What is compared, in a form that can be read when it differs. */
function show(reply: Reply, varies: RegExp | undefined): object {
  const blank = (text: string): string => (varies === undefined ? text : text.replace(varies, '*'));
  const value = (name: string, text: string): string => {
    if (ASIDE.has(name.toLowerCase())) return '*';
    return blank(text).replace(COOKIE_DATE, '$1*');
  };
  return {
    ...reply,
    headers: reply.headers.map(([name, text]) => `${name}: ${value(name, text)}`),
    body: blank(reply.body.toString('latin1')),
  };
}

function withCookies(sent: Sent | string, own: string | undefined): Sent | string {
  if (own === undefined || typeof sent === 'string') return sent;
  return { ...sent, headers: { ...sent.headers, Cookie: own } };
}

function keepCookies(reply: Reply, cookies: Map<string, string>, side: 'native' | 'ours'): void {
  const set = reply.headers.filter(([name]) => name.toLowerCase() === 'set-cookie');
  if (set.length > 0) cookies.set(side, set.map(([, value]) => value.split(';')[0]).join('; '));
}
