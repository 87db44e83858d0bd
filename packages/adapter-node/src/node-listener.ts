// The other direction: an application inside somebody else's node:http server, or below a path of an Express application.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Application, type ContextControl, createContext } from '@tsgi/core';
import { sendRefusal } from './node-http/refusal.ts';
import { Translator } from './node-http/translator.ts';
import { DEFAULT_LIMITS, type TranslateOptions } from './options.ts';
import { DEFAULT_TRUST, parseTrust } from './trust.ts';

/** Options of {@link toNodeListener}. */
export interface NodeListenerOptions extends TranslateOptions {
  /** The context to serve with; whoever gives one can drain it. Default: a new one. */
  readonly context?: ContextControl;
}

/** What `http.createServer`, `app.use` and light-my-request call. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * Makes `application` a `(req, res)` listener. `application.start` and `stop` are the caller's to call. Below an Express
 * path the `mountPath` is Express's `baseUrl`. Upgrades do not pass through a listener: they are ordinary requests.
 */
export function toNodeListener(application: Application, options: NodeListenerOptions = {}): NodeListener {
  const control = options.context ?? createContext(options.log ? { log: options.log } : {});
  const translator = new Translator({
    application,
    context: control.context,
    log: options.log ?? control.context.log,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    trust: parseTrust(options.trust ?? DEFAULT_TRUST),
    forwarded: options.forwarded ?? 'x-forwarded',
    keepAliveRequests: 0,
    keepAliveMaxAge: 0,
    observe: null,
    refuse: sendRefusal,
  });
  return (incoming, outgoing) => translator.request(incoming, outgoing, false);
}
