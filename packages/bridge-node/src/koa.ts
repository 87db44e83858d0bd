// A Koa application as a gateway application.

import type { Application } from '@tsgi/core';
import { fromNodeListener, type Listener, type NodeListenerOptions } from './listener.ts';

/** The part of a Koa application that is used. */
export interface KoaApplication {
  callback(): Listener;
}

/** Makes a Koa application a gateway application, by its own `callback()`. */
export function fromKoa(app: KoaApplication, options: NodeListenerOptions = {}): Application {
  return fromNodeListener(app.callback(), options);
}
