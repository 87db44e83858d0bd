// An application written to the gateway interface itself, with no framework and no bridge.

import type { Application, GatewayResponse } from '@tsgi/core';

const text = (status: number, body: string): GatewayResponse => ({
  status,
  headers: ['Content-Type', 'text/plain; charset=utf-8'],
  body,
});

const json = (value: unknown): GatewayResponse => ({
  status: 200,
  headers: ['Content-Type', 'application/json'],
  body: JSON.stringify(value),
});

export const app: Application = {
  handle(request) {
    const path = request.target.split('?', 1)[0] as string;
    const name = /^\/hello\/([^/]+)$/.exec(path)?.[1];

    if (request.method === 'GET' && path === '/') return text(200, 'Hello World!');
    if (request.method === 'GET' && name !== undefined) return json({ hello: decodeURIComponent(name) });
    // The body of the request is a body for the response: it streams through, and a slow reader holds the sender back.
    if (request.method === 'POST' && path === '/echo') {
      return { status: 200, headers: ['Content-Type', 'application/json'], body: request.body };
    }
    return text(404, 'Not found');
  },
};
