// Refusals: straight to the socket when there is no request to answer or no time to read it to its end, else as a response.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { http } from './modules.ts';

/** Milliseconds that a refused client gets to read its answer before the connection is cut. */
const LINGER = 2000;

/** Writes an answer without a reason that could help an attacker, and closes the connection. */
export function writeRefusal(socket: Socket, status: number): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = textOf(status);
  socket.write(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  closeInOrder(socket);
}

/**
 * Closes in the order of RFC 9112 section 9.6: first our side, then what still comes is thrown away for a moment. Closing
 * at once would reset the connection, and the reset can overtake the answer.
 */
export function closeInOrder(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.resume();
}

/** The same as an ordinary response, where the connection belongs to somebody else's server. */
export function sendRefusal(_incoming: IncomingMessage, outgoing: ServerResponse, status: number): void {
  const body = textOf(status);
  outgoing.writeHead(status, [
    'Content-Type',
    'text/plain',
    'Content-Length',
    String(body.length),
    'Connection',
    'close',
  ]);
  outgoing.end(body);
}

function textOf(status: number): string {
  return `${status} ${http.STATUS_CODES[status]}\n`;
}
