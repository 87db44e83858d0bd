// What is asked of every compared server, and what it must answer before it is worth measuring.

/** One HTTP request of a load. A body is sent as JSON. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

export interface Payload {
  readonly name: PayloadName;
  readonly title: string;
  readonly request: LoadRequest;
  /** Whether a reply is the right one. */
  accepts(body: string): boolean;
  /** Requests that a server has answered before it is measured: V8 has optimised what it will by then. */
  readonly warmUp: number;
  /** Rounds of fresh processes in one pass over all groups. */
  readonly rounds: number;
}

/** Those of the first table. */
export const PAYLOAD_NAMES = ['hello', 'json', 'upload', 'quotes'] as const;
/** Those of the third table, beside `quotes`. */
export const QUOTES_PAYLOAD_NAMES = ['quotes-page', 'quotes-list'] as const;
export type PayloadName = (typeof PAYLOAD_NAMES)[number] | (typeof QUOTES_PAYLOAD_NAMES)[number];

const SIZE = 64 * 1024;

/** One entry of the 64 KiB document. */
interface Entry {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly price: number;
  readonly available: boolean;
}

/** A list of small objects, as an API returns one: exactly 64 KiB as JSON. Its replies are serialised at every request. */
export const DOCUMENT = makeDocument();

function makeDocument(): { readonly items: readonly Entry[]; readonly note: string } {
  const items: Entry[] = [];
  const document = { items, note: '' };
  // Every entry has the same length: ids from 100 000, prices with two digits behind the point.
  const entry = (n: number): Entry => ({
    id: 100_000 + n,
    name: `Entry number ${100_000 + n} of the list`,
    tags: ['film', 'quote', 'classic'],
    price: 10 + (n % 80) + 0.25,
    available: n % 3 !== 0,
  });
  while (JSON.stringify({ items: [...items, entry(items.length)], note: '' }).length <= SIZE)
    items.push(entry(items.length));
  document.note = '.'.repeat(SIZE - JSON.stringify(document).length);
  // As it would come from a database: put together from pieces, a string is a tree inside V8, and JSON.stringify then takes
  // its slow path, twice the time, in those processes in which no collection has straightened it yet.
  return JSON.parse(JSON.stringify(document));
}

export const PAYLOADS: Readonly<Record<PayloadName, Payload>> = {
  hello: {
    name: 'hello',
    title: 'hello: GET, a reply of 17 bytes',
    request: { method: 'GET', path: '/hello' },
    accepts: (body) => body === '{"hello":"world"}',
    warmUp: 20_000,
    // One process in four or so is slower by 2 us a request as long as it lives, by what the optimiser happened to see
    // first. Among 14 us that is a seventh; among the others' hundreds it is lost.
    rounds: 2,
  },
  json: {
    name: 'json',
    title: 'json: GET, a reply of 64 KiB, serialised per request',
    request: { method: 'GET', path: '/json' },
    accepts: (body) => body.length === SIZE && JSON.parse(body).items.length === DOCUMENT.items.length,
    warmUp: 3_000,
    rounds: 1,
  },
  upload: {
    name: 'upload',
    title: 'upload: POST of 64 KiB of JSON, parsed; a small reply',
    request: { method: 'POST', path: '/upload', body: JSON.stringify(DOCUMENT) },
    accepts: (body) => JSON.parse(body).items === DOCUMENT.items.length,
    warmUp: 3_000,
    rounds: 1,
  },
  quotes: {
    name: 'quotes',
    title: 'quotes: GET /api/v1/quotes/random of Movie Quotes, from its database',
    request: { method: 'GET', path: '/api/v1/quotes/random' },
    accepts: (body) => typeof JSON.parse(body).content === 'string',
    warmUp: 6_000,
    rounds: 1,
  },
  'quotes-page': {
    name: 'quotes-page',
    title: 'page: GET /quotes/1 of Movie Quotes',
    request: { method: 'GET', path: '/quotes/1' },
    accepts: (body) => body.includes('</blockquote>'),
    warmUp: 6_000,
    rounds: 1,
  },
  'quotes-list': {
    name: 'quotes-list',
    title: 'list: GET /api/v1/quotes?search=love, the first 20 of those found',
    request: { method: 'GET', path: '/api/v1/quotes?search=love&sort=film' },
    accepts: (body) => JSON.parse(body).quotes.length > 5,
    warmUp: 3_000,
    rounds: 1,
  },
};
