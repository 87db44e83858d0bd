// From one pair of node:http's (request, response) to one call of the application and back. The listening engine, the
// adapter without a socket and toNodeListener all run this same translation.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  type Application,
  type Context,
  type GatewayResponse,
  type HeaderList,
  type Log,
  type Outcome,
  TsgiError,
} from '@tsgi/core';
import type { Limits, Observe } from '../options.ts';
import type { Trust } from '../trust.ts';
import { malformed, readTarget, refusalOf } from './checks.ts';
import { addressOf, connectionOf } from './connection.ts';
import { http } from './modules.ts';
import { closeInOrder } from './refusal.ts';
import { NodeRequest } from './request.ts';
import { discard, sendResponse } from './response.ts';
import { NodeUpgrade } from './upgrade.ts';

/** What a translator needs to know; a part of the engine's options. */
export interface TranslatorOptions {
  readonly application: Application;
  readonly context: Context;
  readonly log: Log;
  readonly limits: Limits;
  readonly trust: Trust;
  readonly forwarded: 'x-forwarded' | 'forwarded';
  readonly keepAliveRequests: number;
  readonly keepAliveMaxAge: number;
  readonly observe: Observe | null;
  /** How a refusal goes out: to the socket where the connection is ours, by the response where it is not. */
  readonly refuse: (incoming: IncomingMessage, outgoing: ServerResponse, status: number) => void;
}

// RFC 9110 section 10.1.1 has this expectation and no other.
const CONTINUE = /^100-continue$/i;
// What a trusted proxy may choose as an id: short, and safe in a log line.
const REQUEST_ID = /^[\x21-\x7e]{1,200}$/;

/** Translates requests for one application, and counts them. */
export class Translator {
  readonly limits: Limits;
  readonly trust: Trust;
  readonly forwarded: 'x-forwarded' | 'forwarded';
  readonly log: Log;
  /** Sockets that the application took over and that are still open. */
  readonly taken: Set<Socket> = new Set();
  /** Set when every further answer ends its connection. */
  closing = false;
  readonly #keepAliveRequests: number;
  readonly #keepAliveMaxAge: number;
  readonly #observe: Observe | null;
  /** Connections that are to end by their next answer. */
  #shedding = 0;
  inFlight = 0;
  requests = 0;
  refused = 0;
  aborted = 0;
  readonly responses: number[] = [0, 0, 0, 0, 0, 0];
  readonly #application: Application;
  readonly #context: Context;
  readonly #refuse: TranslatorOptions['refuse'];
  readonly #idPrefix: string;
  #ids = 0;

  constructor(options: TranslatorOptions) {
    this.#application = options.application;
    this.#context = options.context;
    this.log = options.log;
    this.limits = options.limits;
    this.trust = options.trust;
    this.forwarded = options.forwarded;
    this.#refuse = options.refuse;
    this.#keepAliveRequests = options.keepAliveRequests;
    this.#keepAliveMaxAge = options.keepAliveMaxAge;
    this.#observe = options.observe;
    this.#idPrefix = `${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}-`;
  }

  /** Handles an ordinary request; `waiting` when the client waits for 100 Continue before it sends the body. */
  request(incoming: IncomingMessage, outgoing: ServerResponse, waiting: boolean): void {
    const request = this.#accept(incoming, outgoing, waiting, null);
    if (request !== null) this.#handle(request);
  }

  /** Handles a request with an expectation other than 100-continue (RFC 9110 section 10.1.1). */
  expectation(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const expect = String(incoming.headers.expect);
    // node:http tests for the word anywhere in the value; RFC 9110 has it alone.
    if (CONTINUE.test(expect)) this.request(incoming, outgoing, true);
    else this.refuse(incoming, outgoing, new TsgiError('TSGI_ERR_EXPECTATION', { expect: expect.slice(0, 100) }));
  }

  /** Handles a request to change the protocol. */
  upgrade(incoming: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const outgoing = new http.ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    const onError = (): void => void socket.destroy();
    const onClose = (): void => void outgoing.destroy();
    // node:http let go of the socket: its errors and its end are ours until somebody takes it.
    socket.on('error', onError);
    socket.on('close', onClose);
    outgoing.assignSocket(socket);
    outgoing.on('finish', () => {
      outgoing.detachSocket(socket);
      closeInOrder(socket);
    });
    const upgrade = new NodeUpgrade(String(incoming.headers.upgrade).toLowerCase(), socket, head, () => {
      socket.removeListener('error', onError);
      socket.removeListener('close', onClose);
      outgoing.detachSocket(socket);
      this.taken.add(socket);
    });
    const request = this.#accept(incoming, outgoing, false, upgrade);
    if (request !== null) this.#handle(request);
  }

  /** Answers `incoming` with the status of `error`, ends the connection, and writes one line to the log. */
  refuse(incoming: IncomingMessage, outgoing: ServerResponse, error: TsgiError): void {
    this.noteRefusal(error, incoming.socket);
    if (outgoing.headersSent) outgoing.destroy();
    else this.#refuse(incoming, outgoing, error.status);
  }

  /** Counts a refusal and writes its line. */
  noteRefusal(error: TsgiError, socket: Socket): void {
    this.refused++;
    this.#count(error.status);
    const { code, status, todo } = error;
    this.log.warn({ code, status, peer: addressOf(socket), todo }, `refused: ${error.message}`);
  }

  /** The id of a request: the proxy's where it is trusted and fit for a log, else a new one. */
  identify(trusted: boolean, given: string | string[] | undefined): string {
    if (trusted && typeof given === 'string' && REQUEST_ID.test(given)) return given;
    this.#ids++;
    return this.#idPrefix + this.#ids.toString(36);
  }

  #accept(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    waiting: boolean,
    upgrade: NodeUpgrade | null,
  ): NodeRequest | null {
    const refusal = refusalOf(incoming, this.limits);
    if (refusal !== null) {
      this.refuse(incoming, outgoing, refusal);
      return null;
    }
    const url = incoming.url as string;
    if (url.charCodeAt(0) === 0x2f) {
      return new NodeRequest(this, incoming, outgoing, url, null, waiting, upgrade);
    }
    const form = readTarget(incoming.method as string, url);
    if (form === null) {
      this.refuse(incoming, outgoing, malformed('its target is neither a path nor an http address'));
      return null;
    }
    return new NodeRequest(this, incoming, outgoing, form.target, form.authority, waiting, upgrade);
  }

  #handle(request: NodeRequest): void {
    this.requests++;
    this.inFlight++;
    if (this.#observe !== null) request.startedAt = performance.now();
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = this.#application.handle(request, this.#context);
      // An application may answer without a promise, and then none is made.
      if (typeof (outcome as Promise<Outcome> | undefined)?.then === 'function') {
        (outcome as Promise<Outcome>).then(
          (settled) => this.#settle(request, settled),
          (error: unknown) => this.fail(request, error),
        );
        return;
      }
    } catch (error) {
      this.fail(request, error);
      return;
    }
    this.#settle(request, outcome as Outcome);
  }

  #settle(request: NodeRequest, outcome: Outcome): void {
    const upgrade = request.upgrade as NodeUpgrade | null;
    if (upgrade !== null) {
      if (upgrade.taken) {
        void discard(outcome);
        this.#watchTaken(request);
        return;
      }
      upgrade.refuse();
    }
    if (request.gone) {
      void discard(outcome);
      this.done(request, 0, [], 0);
      return;
    }
    try {
      sendResponse(this, request, outcome as GatewayResponse);
    } catch (error) {
      // A getter of the response threw, say. Nobody awaits this call, so nothing may leave it.
      if (request.outgoing.headersSent) request.outgoing.destroy(error as Error);
      else this.fail(request, error);
    }
  }

  shed(count: number): void {
    this.#shedding = count;
  }

  /** Whether the answer to `request` is the last one on its connection. */
  isLast(request: NodeRequest): boolean {
    if (this.closing) return true;
    if (this.#shedding > 0) {
      this.#shedding--;
      return true;
    }
    if (this.#keepAliveRequests === 0 && this.#keepAliveMaxAge === 0) return false;
    const connection = connectionOf(request.incoming.socket, this.trust);
    connection.requests++;
    return (
      (this.#keepAliveRequests > 0 && connection.requests >= this.#keepAliveRequests) ||
      (this.#keepAliveMaxAge > 0 && performance.now() - connection.openedAt > this.#keepAliveMaxAge)
    );
  }

  /** A request has ended: `status` was sent with a body of `bytes`, or 0 when its client left first. */
  done(request: NodeRequest, status: number, headers: HeaderList, bytes: number): void {
    this.inFlight--;
    if (status === 0) this.aborted++;
    else {
      this.#count(status);
      if (request.body !== null && !request.incoming.complete) request.body.giveUp();
    }
    this.#tell(request, status, headers, bytes);
  }

  /** The application failed before the head was sent, or gave something that cannot be sent. */
  fail(request: NodeRequest, error: unknown): void {
    const upgrade = request.upgrade as NodeUpgrade | null;
    if (upgrade?.taken) {
      this.log.error({ err: error, requestId: request.id }, 'the application failed after it took the socket');
      request.incoming.socket.destroy();
      this.#watchTaken(request);
      return;
    }
    upgrade?.refuse();
    if (request.gone) {
      this.log.debug({ err: error, requestId: request.id }, 'the application failed after its client had left');
      this.done(request, 0, [], 0);
      return;
    }
    // A body over the limit ends the request as the client's fault, unless the application made an answer of it.
    if ((error as TsgiError | null)?.code === 'TSGI_ERR_BODY_TOO_LARGE') {
      this.inFlight--;
      const { status } = error as TsgiError;
      this.refuse(request.incoming, request.outgoing, error as TsgiError);
      this.#tell(request, status, [], 0);
      return;
    }
    this.log.error(
      { err: error, requestId: request.id, method: request.method, target: request.target },
      'the application failed to answer',
    );
    if (request.outgoing.headersSent) {
      // In somebody else's server another listener has answered already, such as one that limits the time.
      this.done(request, request.outgoing.statusCode, [], 0);
      return;
    }
    const body = 'Internal Server Error\n';
    sendResponse(this, request, { status: 500, headers: ['Content-Type', 'text/plain; charset=utf-8'], body });
  }

  #watchTaken(request: NodeRequest): void {
    const { socket } = request.incoming;
    const end = (): void => {
      this.taken.delete(socket);
      this.done(request, 101, [], 0);
    };
    if (socket.closed) end();
    else socket.once('close', end);
  }

  #tell(request: NodeRequest, status: number, headers: HeaderList, bytes: number): void {
    if (this.#observe === null) return;
    const received = request.body === null ? 0 : request.body.received;
    this.#observe(request, { status, headers, bytes, received, ms: performance.now() - request.startedAt });
  }

  #count(status: number): void {
    const digit = Math.floor(status / 100);
    this.responses[digit] = (this.responses[digit] ?? 0) + 1;
  }
}
