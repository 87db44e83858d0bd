// The requests in flight, in memory that the watchdog thread can read while the main loop hangs.

import type { Application, GatewayRequest, Outcome } from '@tsgi/core';

/** Requests that are kept at most; of more, the first ones are. */
const SLOTS = 64;
/** Bytes of a slot: when it began (float64, ms of the wall clock; 0 when free), the length of the text, the text. */
const SLOT = 512;
const TEXT = 12;

/** A request in flight, as the watchdog sees it. */
export interface InFlight {
  /** `id method target`, cut where it does not fit. */
  readonly request: string;
  readonly ms: number;
}

/** Bytes of the shared memory. */
export const IN_FLIGHT_BYTES: number = SLOTS * SLOT;

/** The writing side, in the main thread. */
export class InFlightTable {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #encoder = new TextEncoder();
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, i) => SLOTS - 1 - i);

  constructor(memory: SharedArrayBuffer) {
    this.#view = new DataView(memory);
    this.#bytes = new Uint8Array(memory);
  }

  /** `application`, with each of its requests in the table until its response is there. */
  around(application: Application): Application {
    return {
      ...(application.start && { start: application.start.bind(application) }),
      ...(application.stop && { stop: application.stop.bind(application) }),
      handle: (request, context) => {
        const slot = this.#enter(request);
        if (slot === undefined) return application.handle(request, context);
        let outcome: Outcome | Promise<Outcome>;
        try {
          outcome = application.handle(request, context);
        } catch (error) {
          this.#leave(slot);
          throw error;
        }
        if (!(outcome instanceof Promise)) {
          this.#leave(slot);
          return outcome;
        }
        // Not finally(), which makes two promises more.
        const leave = (): void => this.#leave(slot);
        outcome.then(leave, leave);
        return outcome;
      },
    };
  }

  #enter(request: GatewayRequest): number | undefined {
    const slot = this.#free.pop();
    if (slot === undefined) return undefined;
    const at = slot * SLOT;
    const text = `${request.id} ${request.method} ${request.mountPath}${request.target}`;
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(at + TEXT, at + SLOT));
    this.#view.setUint32(at + 8, written);
    this.#view.setFloat64(at, Date.now());
    return slot;
  }

  #leave(slot: number): void {
    this.#view.setFloat64(slot * SLOT, 0);
    this.#free.push(slot);
  }
}

/** The reading side: every request in flight, the oldest first. */
export function readInFlight(memory: SharedArrayBuffer): InFlight[] {
  const view = new DataView(memory);
  const decoder = new TextDecoder();
  const found: InFlight[] = [];
  for (let at = 0; at < IN_FLIGHT_BYTES; at += SLOT) {
    const began = view.getFloat64(at);
    if (began === 0) continue;
    // TextDecoder takes no shared memory.
    const text = new Uint8Array(memory, at + TEXT, view.getUint32(at + 8)).slice();
    found.push({ request: decoder.decode(text), ms: Math.round(Date.now() - began) });
  }
  return found.toSorted((a, b) => b.ms - a.ms);
}
