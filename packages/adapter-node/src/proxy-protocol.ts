// The PROXY protocol, versions 1 and 2: a load balancer's word, in front of the first byte, about whom it speaks for.
// Source: the HAProxy project's "The PROXY protocol" (proxy-protocol.txt), sections 2.1 and 2.2.

import type { Socket } from 'node:net';
import type { Address } from '@tsgi/core';

export function readProxyHeader(_socket: Socket, _ms: number): Promise<Address | null> {
  throw new Error('TODO');
}
