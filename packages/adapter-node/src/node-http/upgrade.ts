// A request to change the protocol, and the socket that goes with it.

import type { Socket } from 'node:net';
import { type RawSocket, TsgiError, type Upgrade } from '@tsgi/core';

/** The offer of one upgrade request. */
export class NodeUpgrade implements Upgrade {
  readonly protocol: string;
  readonly head: Uint8Array;
  readonly #socket: Socket;
  readonly #onTake: (socket: Socket) => void;
  #state: 'offered' | 'taken' | 'refused' = 'offered';

  constructor(protocol: string, socket: Socket, head: Uint8Array, onTake: (socket: Socket) => void) {
    this.protocol = protocol;
    this.#socket = socket;
    this.head = head;
    this.#onTake = onTake;
  }

  take(): RawSocket {
    if (this.#state === 'taken') throw new TsgiError('TSGI_ERR_UPGRADE_TAKEN', { problem: 'it was taken before' });
    if (this.#state === 'refused') throw new TsgiError('TSGI_ERR_UPGRADE_TAKEN', { problem: 'a response was sent' });
    this.#state = 'taken';
    this.#onTake(this.#socket);
    return this.#socket as unknown as RawSocket;
  }

  get taken(): boolean {
    return this.#state === 'taken';
  }

  /** A response answers instead: the socket can no longer be taken. */
  refuse(): void {
    if (this.#state === 'offered') this.#state = 'refused';
  }
}
