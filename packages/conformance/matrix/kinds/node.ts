// What the kinds behind bridge-node share: handlers as they are written for node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import type { Source, Witness } from '@tsgi/conformance';
import { WebSocketServer } from 'ws';

export const NOT_THE_INTERFACE = 'only an application that speaks the interface itself can do that';
export const OWN_ERRORS = 'the framework answers its own errors';

export const SECRET = 'secret';

/** What a handler sets on `/fields`, in this order. */
export const FIELDS: readonly (readonly [string, string | readonly string[]])[] = [
  ['X-First', '1'],
  ['Set-Cookie', ['a=1', 'b=2']],
  ['x-second', '2'],
  ['X-tHiRd', '3'],
];

/** What a handler sets on `/hop`. */
export const HOP: readonly (readonly [string, string])[] = [
  ['Connection', 'x-secret'],
  ['Keep-Alive', 'timeout=1234'],
  ['Proxy-Connection', 'keep-alive'],
];

/** What a handler tries on `/split`. */
export const SPLIT: readonly [string, string] = ['x-split', 'a\r\nx-injected: b'];

export function readable(source: Source): Readable {
  return Readable.from(source, { objectMode: false });
}

/** Counts the body of `req`, as `/count` has it. */
export async function count(req: IncomingMessage, witness: Witness): Promise<string> {
  if (req.headers['x-wait'] !== undefined) await witness.gate('read');
  let bytes = 0;
  try {
    for await (const chunk of req) bytes += (chunk as Buffer).byteLength;
  } catch (error) {
    witness.tell('cut', error);
    throw error;
  }
  return String(bytes);
}

/** Waits for the gate of `/gate`, and tells when the client leaves meanwhile. */
export async function gate(res: ServerResponse, witness: Witness): Promise<void> {
  const leave = (): void => witness.tell('left');
  res.once('close', leave);
  witness.tell('waiting');
  await witness.gate('gate');
  res.removeListener('close', leave);
}

/** A listener for `upgrade` events that echoes on every WebSocket. */
export function echoWebSockets(witness: Witness): (req: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({ noServer: true });
  return (req, socket, head) => {
    server.handleUpgrade(req, socket, head, (ws) => {
      ws.on('message', (data, binary) => ws.send(data, { binary }));
      ws.on('error', () => {});
      ws.on('close', () => witness.tell('socket closed'));
    });
  };
}
