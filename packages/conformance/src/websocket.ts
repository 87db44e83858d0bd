// As much of the WebSocket protocol (RFC 6455) as an echo needs, on both ends: short frames, whole messages.

import { createHash, randomBytes } from 'node:crypto';
import type { RawSocket } from '@tsgi/core';

/** What a server answers to `key` (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** The header fields of a client's handshake. */
export function handshake(): { readonly key: string; readonly headers: readonly string[] } {
  const key = randomBytes(16).toString('base64');
  const headers = [
    'Connection',
    'Upgrade',
    'Upgrade',
    'websocket',
    'Sec-WebSocket-Version',
    '13',
    'Sec-WebSocket-Key',
    key,
  ];
  return { key, headers };
}

/** A frame of a client, masked (section 5.3): opcode 1 is text, 8 is close. At most 125 bytes of payload. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.byteLength]), mask, masked]);
}

/** A frame of a server, not masked. At most 125 bytes of payload. */
export function serverFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.byteLength]), payload]);
}

/** Sends every message back, and answers a close with a close. */
export function echoFrames(socket: RawSocket, head: Uint8Array): void {
  let buffer = Buffer.from(head);
  const read = (): void => {
    while (buffer.length >= 6 && buffer.length >= 6 + ((buffer[1] as number) & 0x7f)) {
      const length = (buffer[1] as number) & 0x7f;
      const opcode = (buffer[0] as number) & 0x0f;
      const mask = buffer.subarray(2, 6);
      const payload = buffer.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] as number));
      buffer = buffer.subarray(6 + length);
      const frame = serverFrame(opcode, payload);
      if (opcode === 8) socket.end(frame);
      else socket.write(frame);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    read();
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  read();
}
