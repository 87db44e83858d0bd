// Any `(req, res)` listener as a gateway application.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Application, type Context, type GatewayRequest, type Outcome, TAKEN } from '@tsgi/core';
import { LightRequest } from './light-request.ts';
import { LightResponse } from './light-response.ts';

/** What `http.createServer` takes. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** What a server's `upgrade` event calls. */
export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/** Options of {@link fromNodeListener}. */
export interface NodeListenerOptions {
  /** Handles requests to change the protocol, as a server's `upgrade` event does. Without it they are ordinary requests. */
  readonly upgrade?: UpgradeListener;
  readonly start?: (context: Context) => void | Promise<void>;
  readonly stop?: () => void | Promise<void>;
}

/** Makes `listener` a gateway application. A listener that throws or rejects before its head answers 500. */
export function fromNodeListener(listener: Listener, options: NodeListenerOptions = {}): Application {
  const { upgrade, start, stop } = options;
  return {
    handle:
      upgrade === undefined
        ? (request, context) => answer(listener, request, context)
        : (request, context) =>
            request.upgrade === null ? answer(listener, request, context) : takeOver(upgrade, request, context),
    ...(start && { start }),
    ...(stop && { stop }),
  };
}

/** Calls a listener with a light (req, res) and returns what it answers. */
export function answer(listener: Listener, request: GatewayRequest, context: Context): Outcome | Promise<Outcome> {
  const req = new LightRequest(request);
  const res = new LightResponse(request, req, context);
  (req as { res: LightResponse }).res = res;
  try {
    const result = listener(req as unknown as IncomingMessage, res as unknown as ServerResponse);
    // An asynchronous listener that fails would leave its client waiting, and on a server be an unhandled rejection.
    if (result instanceof Promise) result.catch((error: Error) => res.fail(error));
  } catch (error) {
    res.fail(error as Error);
  }
  return res.outcome();
}

/** Hands the socket of an upgrade to a listener for `upgrade` events. */
export function takeOver(listener: UpgradeListener, request: GatewayRequest, context: Context): typeof TAKEN {
  const { upgrade } = request;
  if (upgrade === null) throw new TypeError('the request does not ask for another protocol');
  const req = new LightRequest(request);
  const res = new LightResponse(request, req, context);
  (req as { res: LightResponse }).res = res;
  const head = Buffer.from(upgrade.head.buffer, upgrade.head.byteOffset, upgrade.head.byteLength);
  const socket = upgrade.take();
  const result = listener(req as unknown as IncomingMessage, socket as unknown as Duplex, head);
  // Nobody else waits for an asynchronous listener: its client would wait for ever, and the rejection end the process.
  if (result instanceof Promise) {
    result.catch((error: unknown) => {
      context.log.error({ err: error, requestId: request.id }, 'a listener failed after it took the socket');
      socket.destroy();
    });
  }
  return TAKEN;
}
