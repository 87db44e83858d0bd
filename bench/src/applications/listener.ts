// The application with no framework: a listener for node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { DOCUMENT } from '../payloads.ts';

export function listener(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/hello') send(response, { hello: 'world' });
  else if (request.url === '/json') send(response, DOCUMENT);
  else if (request.url === '/upload') {
    text(request).then(
      (body) => send(response, { items: JSON.parse(body).items.length }),
      () => response.destroy(),
    );
  } else response.writeHead(404).end();
}

function send(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
}
