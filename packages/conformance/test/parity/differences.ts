// Where a reply through the gateway differs from a framework's own, and must. docs/differences.md gives the reasons, and
// differences.test.ts holds the two together. A difference that a fix could remove does not belong here.

import { type Reply, valueOf } from './exchange.ts';

/** Takes one difference out of a pair of replies, so that what is left must be equal. */
export interface Difference {
  /** As docs/differences.md names it. */
  readonly name: string;
  /** Null where the difference does not show in these two replies. */
  readonly apply: (native: Reply, ours: Reply) => [native: Reply, ours: Reply] | null;
}

const LIST = [
  {
    name: 'Place of Content-Length',
    // Moved to the end of both.
    apply: (native, ours) => {
      const added = (reply: Reply): boolean => reply.headers.some(([name]) => name === 'Content-Length');
      return added(native) && added(ours) ? [last(native, 'Content-Length'), last(ours, 'Content-Length')] : null;
    },
  },
  {
    name: 'Length instead of chunks',
    apply: (native, ours) =>
      native.framing === 'chunked' && ours.framing === 'length'
        ? [
            { ...without(native, 'transfer-encoding'), framing: 'length' },
            without(ours, 'content-length'),
          ]
        : null,
  },
  {
    name: 'Fields of the connection',
    apply: (native, ours) => {
      const rest = (reply: Reply): Reply => without(reply, 'connection', 'keep-alive', 'transfer-encoding');
      return lines(native) === lines(ours) ? null : [rest(native), rest(ours)];
    },
  },
  {
    name: 'Content-Length of a 204',
    apply: (native, ours) =>
      native.start.includes(' 204 ') && has(native, 'content-length') && !has(ours, 'content-length')
        ? [without(native, 'content-length'), ours]
        : null,
  },
  {
    name: 'Reason phrase',
    apply: (native, ours) => {
      const bare = (reply: Reply): Reply => ({ ...reply, start: reply.start.split(' ').slice(0, 2).join(' ') });
      return native.start === ours.start ? null : [bare(native), bare(ours)];
    },
  },
  {
    name: 'Refusals',
    // Only that both refuse; the statuses are in the docs.
    apply: (native, ours) =>
      refuses(native) && refuses(ours) && native.start !== ours.start ? [refused(native), refused(ours)] : null,
  },
] as const satisfies readonly Difference[];

export type DifferenceName = (typeof LIST)[number]['name'];

/** The list, in the order of the table in the docs. */
export const DIFFERENCES: readonly (Difference & { readonly name: DifferenceName })[] = LIST;

/** Those that show in so many replies that a test does not name them. */
export const EVERYWHERE: ReadonlySet<DifferenceName> = new Set(['Place of Content-Length']);

function refuses(reply: Reply): boolean {
  return / [45]\d\d /.test(reply.start);
}

function refused(reply: Reply): Reply {
  return { ...reply, start: 'refused', headers: [], body: Buffer.alloc(0), framing: 'none' };
}

function lines(reply: Reply): string {
  return reply.headers.map(([name]) => name).join();
}

function has(reply: Reply, name: string): boolean {
  return valueOf(reply.headers, name) !== undefined;
}

function without(reply: Reply, ...names: string[]): Reply {
  return { ...reply, headers: reply.headers.filter(([spelled]) => !names.includes(spelled.toLowerCase())) };
}

function last(reply: Reply, name: string): Reply {
  const own = reply.headers.filter(([spelled]) => spelled === name);
  return { ...reply, headers: [...reply.headers.filter(([spelled]) => spelled !== name), ...own] };
}
