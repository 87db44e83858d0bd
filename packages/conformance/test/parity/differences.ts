// Where a reply through the gateway differs from a framework's own, and must. docs/differences.md gives the reasons, and
// differences.test.ts holds the two together. A difference that a fix could remove does not belong here.

import { fieldOf, type Reply } from './exchange.ts';

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
    apply: (native, ours) =>
      has(native, 'Content-Length') && has(ours, 'Content-Length')
        ? [last(native, 'Content-Length'), last(ours, 'Content-Length')]
        : null,
  },
  {
    name: 'Spelling of Content-Length',
    apply: (native, ours) =>
      has(native, 'content-length') && has(ours, 'Content-Length')
        ? [last(native, 'content-length', 'Content-Length'), last(ours, 'Content-Length')]
        : null,
  },
  {
    name: 'Length of what is whole',
    apply: (native, ours) => {
      if (ours.framing !== 'length' || native.framing === 'length') return null;
      // What ends with its connection says that it is closed.
      const more = native.framing === 'close' ? ['connection', 'keep-alive'] : [];
      return [
        { ...without(native, 'transfer-encoding', ...more), framing: 'length' },
        without(ours, 'content-length', ...more),
      ];
    },
  },
  {
    name: 'Length of a Blob',
    apply: (native, ours) =>
      native.framing === 'length' && ours.framing === 'chunked'
        ? [{ ...without(native, 'content-length'), framing: 'chunked' }, without(ours, 'transfer-encoding')]
        : null,
  },
  {
    name: 'Length of a 204',
    apply: (native, ours) =>
      native.start.includes(' 204 ') && fieldOf(native.headers, 'content-length') !== undefined
        ? [without(native, 'content-length'), ours]
        : null,
  },
  {
    name: 'Fields of the connection',
    apply: (native, ours) => {
      const names = (reply: Reply): string => reply.headers.map(([name]) => name).join();
      const rest = (reply: Reply): Reply => without(reply, 'connection', 'keep-alive', 'transfer-encoding');
      return names(native) === names(ours) ? null : [rest(native), rest(ours)];
    },
  },
  {
    name: 'Date',
    apply: (native, ours) => (fieldOf(native.headers, 'date') === undefined ? [native, without(ours, 'date')] : null),
  },
  {
    name: 'Reason phrase',
    apply: (native, ours) => {
      const bare = (reply: Reply): Reply => ({ ...reply, start: reply.start.split(' ').slice(0, 2).join(' ') });
      return native.start === ours.start ? null : [bare(native), bare(ours)];
    },
  },
  {
    name: 'Replies that HTTP does not allow',
    // Ours is the plain 500 of a program that failed, or is cut.
    apply: (native, ours) => (native.start !== ours.start || ours.cut ? failure(ours) : null),
  },
  {
    name: '100 Continue',
    apply: (native, ours) => {
      if (native.informational.length === ours.informational.length) return null;
      // A client that was not told to go on may still do so: no reply can follow on its connection.
      const rest = (reply: Reply): Reply => ({ ...without(reply, 'connection', 'keep-alive'), informational: [] });
      return [rest(native), rest(ours)];
    },
  },
  {
    name: 'Refusals',
    apply: (native, ours) => (isRefusal(ours) && !equal(native, ours) ? [ours, ours] : null),
  },
  {
    name: 'Upgrades to other protocols',
    // Ours is an ordinary reply of the route.
    apply: (native, ours) => (native.start !== ours.start ? [ours, ours] : null),
  },
  { name: 'Target in absolute form', apply: byBody },
  { name: 'Spelling of rawHeaders', apply: byBody },
  { name: 'The socket', apply: byBody },
] as const satisfies readonly Difference[];

export type DifferenceName = (typeof LIST)[number]['name'];

/** The list, in the order of the table in the docs. */
export const DIFFERENCES: readonly (Difference & { readonly name: DifferenceName })[] = LIST;

/** Those that show in so many replies that a test does not name them. */
export const EVERYWHERE: ReadonlySet<DifferenceName> = new Set(['Place of Content-Length']);

/** What an application tells of its request differs, and with it the length. */
function byBody(native: Reply, ours: Reply): [Reply, Reply] | null {
  if (native.body.equals(ours.body)) return null;
  const bare = (reply: Reply): Reply => ({ ...without(reply, 'content-length', 'etag'), body: Buffer.alloc(0) });
  return [bare(native), bare(ours)];
}

function failure(ours: Reply): [Reply, Reply] | null {
  const plain = ours.start === 'HTTP/1.1 500 Internal Server Error' && String(ours.body) === 'Internal Server Error\n';
  return plain || ours.cut ? [ours, ours] : null;
}

/** What the adapter answers by itself: plain text, and the end of the connection. */
function isRefusal(reply: Reply): boolean {
  return / [45]\d\d /.test(reply.start) && fieldOf(reply.headers, 'connection') === 'close';
}

function equal(native: Reply, ours: Reply): boolean {
  return (
    native.start === ours.start && String(native.headers) === String(ours.headers) && native.body.equals(ours.body)
  );
}

function has(reply: Reply, spelled: string): boolean {
  return reply.headers.some(([name]) => name === spelled);
}

function without(reply: Reply, ...names: string[]): Reply {
  return { ...reply, headers: reply.headers.filter(([spelled]) => !names.includes(spelled.toLowerCase())) };
}

function last(reply: Reply, name: string, spelling: string = name): Reply {
  const own = reply.headers.filter(([spelled]) => spelled === name).map(([, value]) => [spelling, value] as const);
  return { ...reply, headers: [...reply.headers.filter(([spelled]) => spelled !== name), ...own] };
}
