// A refusal written straight to the socket: when there is no request to answer, or no time to read it to its end.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds that a refused client gets to read its answer before the connection is cut. */
const LINGER = 2000;

/**
 * Writes an answer without a reason that could help an attacker, and closes in the order of RFC 9112 section 9.6:
 * first our side, then what still comes is thrown away for a moment. Closing at once would reset the connection, and
 * the reset can overtake the answer.
 */
export function writeRefusal(socket: Socket, status: number): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${status} ${STATUS_CODES[status]}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.resume();
}
