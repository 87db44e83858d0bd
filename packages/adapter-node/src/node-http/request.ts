// node:http's IncomingMessage as a gateway request: nothing is made that nobody asks for.

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Address,
  type GatewayRequest,
  type HeaderFields,
  type HeaderList,
  TsgiError,
  type Upgrade,
} from '@tsgi/core';
import { type Origin, readForwarded } from '../forwarded.ts';
import { NodeBody } from './body.ts';
import { type Connection, connectionOf } from './connection.ts';
import type { Translator } from './translator.ts';

/** A request on its way through the translator. */
export class NodeRequest implements GatewayRequest {
  readonly method: string;
  readonly target: string;
  readonly body: NodeBody | null;
  readonly upgrade: Upgrade | null;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Milliseconds on the monotonic clock; kept only where somebody observes. */
  startedAt = 0;
  readonly #translator: Translator;
  /** The authority of a target in absolute form, which overrules the Host field (RFC 9112 section 3.2.2). */
  readonly #authority: string | null;
  #connection: Connection | null = null;
  #origin: Origin | null = null;
  #headers: HeaderList | null = null;
  #id: string | null = null;
  #controller: AbortController | null = null;

  constructor(
    translator: Translator,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    target: string,
    authority: string | null,
    waiting: boolean,
    upgrade: Upgrade | null,
  ) {
    this.#translator = translator;
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.method = incoming.method as string;
    this.target = target;
    this.#authority = authority;
    this.upgrade = upgrade;
    const { headers } = incoming;
    const length = headers['content-length'];
    this.body =
      (length === undefined || Number(length) === 0) && headers['transfer-encoding'] === undefined
        ? null
        : new NodeBody(incoming, translator.limits.bodyBytes, waiting ? outgoing : null);
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.incoming.httpVersionMinor === 0 ? '1.0' : '1.1';
  }

  get headers(): HeaderList {
    this.#headers ??= lowerNames(this.incoming.rawHeaders);
    return this.#headers;
  }

  get fields(): HeaderFields {
    return this.incoming.headers;
  }

  get trailers(): HeaderList {
    // node:http may have parsed ahead of the reader.
    return this.body?.read ? lowerNames(this.incoming.rawTrailers ?? []) : [];
  }

  get mountPath(): string {
    // Inside an Express application, baseUrl is what its router took off.
    const base = (this.incoming as { baseUrl?: string }).baseUrl ?? '';
    return (this.#forwarded()?.prefix ?? '') + base;
  }

  get scheme(): 'http' | 'https' {
    return this.#forwarded()?.scheme ?? this.#facts().scheme;
  }

  get host(): string {
    return this.#forwarded()?.host ?? this.#authority ?? this.incoming.headers.host ?? '';
  }

  get peer(): Address {
    return this.#facts().peer;
  }

  get client(): Address {
    return this.#forwarded()?.client ?? this.#facts().source;
  }

  get id(): string {
    this.#id ??= this.#translator.identify(this.#facts().trusted, this.incoming.headers['x-request-id']);
    return this.#id;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.gone) controller.abort(gone());
      // 'close' comes once for every response: after its end, or when the connection is lost before it.
      else this.outgoing.once('close', () => this.outgoing.writableEnded || controller.abort(gone()));
    }
    return this.#controller.signal;
  }

  /** Whether the client has left before its response was sent. */
  get gone(): boolean {
    return this.outgoing.destroyed && !this.outgoing.writableEnded;
  }

  inform(status: 102 | 103, headers: HeaderList): void {
    const { outgoing } = this;
    if (this.incoming.httpVersionMinor === 0 || outgoing.headersSent || outgoing.destroyed) return;
    if (status === 102) {
      outgoing.writeProcessing();
      return;
    }
    const hints: Record<string, string | string[]> = Object.create(null);
    for (let i = 0; i < headers.length; i += 2) {
      const name = (headers[i] as string).toLowerCase();
      const value = headers[i + 1] as string;
      const present = hints[name];
      if (present === undefined) hints[name] = value;
      else hints[name] = Array.isArray(present) ? [...present, value] : [present, value];
    }
    outgoing.writeEarlyHints(hints);
  }

  #facts(): Connection {
    this.#connection ??= connectionOf(this.incoming.socket, this.#translator.trust);
    return this.#connection;
  }

  #forwarded(): Origin | null {
    const { source, trusted } = this.#facts();
    if (!trusted) return null;
    const { trust, forwarded } = this.#translator;
    if (!isForwarded(forwarded, this.incoming.headers)) return null;
    // Behind PROXY protocol the hop to judge is the one it names.
    if (source !== this.peer && !trust(source)) return null;
    this.#origin ??= readForwarded(forwarded, this.headers, source, trust);
    return this.#origin;
  }
}

/** Whether there is anything to read: most requests that reach a server directly have none of these fields. */
function isForwarded(style: 'x-forwarded' | 'forwarded', fields: HeaderFields): boolean {
  if (style === 'forwarded') return fields.forwarded !== undefined;
  return (
    fields['x-forwarded-for'] !== undefined ||
    fields['x-forwarded-proto'] !== undefined ||
    fields['x-forwarded-host'] !== undefined ||
    fields['x-forwarded-prefix'] !== undefined
  );
}

function gone(): TsgiError {
  return new TsgiError('TSGI_ERR_CLIENT_GONE', { part: 'its response was sent' });
}

// Clients spell few names in few ways. Looking the lower-case name up costs less than making it each time, and gives
// one string that comparisons and objects recognise by identity. Bounded, because clients choose the names.
const lower = new Map<string, string>();
const MOST_NAMES = 500;

function lowerNames(raw: readonly string[]): HeaderList {
  const list = new Array<string>(raw.length);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    let known = lower.get(name);
    if (known === undefined) {
      known = name.toLowerCase();
      if (lower.size < MOST_NAMES) lower.set(name, known);
    }
    list[i] = known;
    list[i + 1] = raw[i + 1] as string;
  }
  return list;
}
