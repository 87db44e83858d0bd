// Node's own prototypes without their constructors: `instanceof` holds and inherited methods are found, but no stream
// state, header table or socket is made for an object that mostly needs none of them.

import type { EventEmitter } from 'node:events';

/** A class with an event emitter's methods and no state. */
export type Shell = new () => EventEmitter;

/**
 * A class to extend in place of `original`: its prototype stands in the chain, its constructor is not run. It is typed
 * as the part of `original` that works without constructor, which is the event emitter.
 */
export function shellOf(original: { readonly prototype: object }): Shell {
  const shell = function shell(): void {};
  shell.prototype = original.prototype;
  return shell as unknown as Shell;
}
