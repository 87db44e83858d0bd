// How a case and the application that it talks to know of each other, past the wire: what the application has seen, and
// gates that hold it until the case says so. Both run in one process.

import type { Context } from '@tsgi/core';

/** One for every case. */
export class Witness {
  /** Chunks that the application has made, of a response that the client may not be reading. */
  made = 0;
  #context: Context | undefined;
  readonly #told = new Map<string, unknown[]>();
  readonly #waiting = new Map<string, ((detail: unknown) => void)[]>();
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();

  /** The worker's context, as `start` got it. */
  get context(): Context {
    if (this.#context === undefined) throw new Error('start was not called');
    return this.#context;
  }

  set context(context: Context) {
    this.#context = context;
  }

  /** The application tells what it has seen. */
  tell(event: string, detail?: unknown): void {
    const told = this.#told.get(event) ?? [];
    told.push(detail);
    this.#told.set(event, told);
    for (const resolve of this.#waiting.get(event) ?? []) resolve(detail);
    this.#waiting.delete(event);
  }

  /** Everything that was told of `event` so far. */
  told(event: string): readonly unknown[] {
    return this.#told.get(event) ?? [];
  }

  /** Resolves to the first thing that is told of `event`, or was. */
  saw(event: string): Promise<unknown> {
    const told = this.#told.get(event);
    if (told !== undefined) return Promise.resolve(told[0]);
    return new Promise((resolve) => {
      this.#waiting.set(event, [...(this.#waiting.get(event) ?? []), resolve]);
    });
  }

  /** Resolves when the case has opened the gate. */
  gate(name: string): Promise<void> {
    return this.#gate(name).promise;
  }

  open(name: string): void {
    this.#gate(name).resolve();
  }

  /** Closes the gate again, for whoever comes from now on. */
  shut(name: string): void {
    this.#gates.delete(name);
  }

  #gate(name: string): PromiseWithResolvers<void> {
    let gate = this.#gates.get(name);
    if (gate === undefined) {
      gate = Promise.withResolvers();
      this.#gates.set(name, gate);
    }
    return gate;
  }
}
