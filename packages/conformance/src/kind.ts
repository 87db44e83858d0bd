// What the suite is told of a kind of application: how to make one with the routes that the cases ask for, and what it
// cannot have. A bridge is proven by a kind that is made through it.

import type { Application } from '@tsgi/core';
import type { Witness } from './witness.ts';

/**
 * A kind of application: it has these routes. `told` is what the application tells the witness, `gate` what it waits for.
 *
 * | route | answer |
 * |---|---|
 * | `GET /hello` (and `HEAD`) | 200 `Hello World!\n`, text/plain |
 * | `GET /text` | 200 `Grüße, 世界`, text/plain; charset=utf-8, a string |
 * | `POST /echo` | 200, the body as it comes, streamed |
 * | `POST /count` | 200, the number of bytes in the body; gate `read` before the first one where there is `x-wait`; told `cut` with the error when the body is cut short |
 * | `POST /ignore` | 202 `ignored`, the body not read |
 * | `GET /seen` | 200 JSON `{ method, url, host, protocol, ip, id }` as the framework tells them |
 * | `GET /empty`, `GET /unchanged` | 204; 304 with `ETag: "v1"` |
 * | `GET /fields` | 200 with `X-First: 1`, `Set-Cookie: a=1`, `Set-Cookie: b=2`, `x-second: 2`, `X-tHiRd: 3` |
 * | `GET /hop` | 200 `hop` with `Connection: x-secret`, `Keep-Alive: timeout=1234`, `Proxy-Connection: keep-alive`, set as an application would |
 * | `GET /steps` | 200 `one`, gate `step`, `two`, streamed |
 * | `GET /stream` (and `HEAD`) | 200, chunks of 64 KiB, 1024 of them, as fast as they are taken; `witness.made` counts; told `stream closed` when it ended or was given up |
 * | `GET /events` | 200 text/event-stream: `data: hello`, then `data: bye` when the worker drains, and ends |
 * | `GET /gate` | gate `gate`, then 200 `open`; told `waiting` first, `left` when the client is gone meanwhile |
 * | `GET /late` | told `waiting`, gate `late`, then the stream of `/stream` |
 * | `GET /later` | 200 `later`, gate `later` given to `context.waitUntil` |
 * | `GET /throw`, `GET /reject` | throws `Error('secret')` at once; after a turn |
 * | `GET /break` | 200 `one`, gate `break`, then the body fails with `Error('secret')` |
 * | `GET /after` | 200 `done`, ended, then throws `Error('secret')` |
 * | `GET /twice` | 200 `first`, then answers again |
 * | `GET /short` | 200 with `Content-Length: 100`, streams 10 bytes |
 * | `GET /long` | 200 with `Content-Length: 5`, streams 50 bytes in two |
 * | `GET /split` | tries a field `x-split` with the value `a\r\nx-injected: b` |
 * | `GET /hints` | 103 with `Link: </style.css>; rel=preload`, then 200 `hints` |
 * | `GET /trailers` | 200 `body`, streamed, with the trailer `X-Checksum: 1234` |
 * | `GET /ws` | a WebSocket that sends back every message; told `socket closed` |
 */
export interface Kind {
  /** Heads the column: a short word. */
  readonly name: string;
  /** What it lacks, each with the reason. */
  readonly lacks?: Partial<Record<Trait, string>>;
  /** A new application with the routes above. */
  make(witness: Witness): Application | Promise<Application>;
}

/**
 * What a kind may lack. A case that needs it is then shown as not applicable, with the reason that the kind gives.
 *
 * - `interface`: handlers that speak the gateway interface itself, for cases with an application of their own
 * - `throwing`: an error of a handler reaches the server, because the framework has no answer of its own for it
 * - `spelling`: names of response fields keep their spelling and their order
 * - `target`: the framework tells the target as it was sent
 * - `hints`, `trailers`, `ws`, `hop`, `split`, `after`, `twice`: the route of that name
 */
export type Trait =
  | 'interface'
  | 'throwing'
  | 'spelling'
  | 'target'
  | 'hints'
  | 'trailers'
  | 'ws'
  | 'hop'
  | 'split'
  | 'after'
  | 'twice';
