// An Express application as a gateway application.

import type { Application } from '@tsgi/core';
import { LightRequest } from './light-request.ts';
import { LightResponse } from './light-response.ts';
import { fromNodeListener, type Listener, type NodeListenerOptions } from './listener.ts';

/** The part of an Express application that is used. */
export type ExpressApplication = Listener & { request: object; response: object };

/**
 * Makes an Express application a gateway application.
 *
 * Express gives every req and res the prototypes `app.request` and `app.response`, which end in node:http's. Those two
 * are put on top of the light ones here, once and for this application alone; applications mounted in it follow, since
 * theirs stand on top of its own. After that the application can no longer be served by its own `listen`.
 */
export function fromExpress(app: ExpressApplication, options: NodeListenerOptions = {}): Application {
  rebase(app.request, LightRequest);
  rebase(app.response, LightResponse);
  return fromNodeListener(app, options);
}

/** Replaces what is below `own`: Express's shared prototype by a copy of it that stands on the light class. */
function rebase(own: object, light: typeof LightRequest | typeof LightResponse): void {
  if (own instanceof light) return;
  const shared = Object.getPrototypeOf(own) as object;
  Object.setPrototypeOf(own, Object.create(light.prototype, Object.getOwnPropertyDescriptors(shared)));
}
